-- A sound that speaks a text of a scene, in base 64; digest: of what it was made from.
CREATE TABLE audio (
    company_id BIGINT NOT NULL,
    digest TEXT NOT NULL,
    sound TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (company_id, digest)
);

-- texts: JSON, which text of a published version is which sound, in one voice.
CREATE TABLE voice_audio (
    company_id BIGINT NOT NULL,
    scene_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    voice_id BIGINT NOT NULL,
    texts TEXT NOT NULL,
    PRIMARY KEY (company_id, scene_id, version, voice_id)
);
