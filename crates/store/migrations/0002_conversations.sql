-- What is kept of a conversation beyond its words, what people made of its results, and what robots did not understand.

-- Which version of which scene was spoken; 0 in records of before. The course: everything that happened in the
-- conversation, as JSON, so that it can be played again; none where nobody talked.
ALTER TABLE call_record ADD COLUMN scene_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE call_record ADD COLUMN scene_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE call_record ADD COLUMN course TEXT;

-- The task's latest row of `regrade`: what is kept of its results elsewhere is older than that, or is not.
ALTER TABLE task ADD COLUMN last_regrade BIGINT NOT NULL DEFAULT 0;

-- Results that a person has judged: what stood there before, and what stands there now. Never changed, so that what the
-- rules concluded is not lost.
CREATE TABLE regrade (
    {id}
    company_id BIGINT NOT NULL,
    -- 0 for a call placed by itself, which has no call index either.
    task_id BIGINT NOT NULL,
    call_id BIGINT NOT NULL,
    call_index BIGINT,
    name TEXT NOT NULL,
    was TEXT NOT NULL,
    became TEXT NOT NULL,
    regraded_by TEXT NOT NULL,
    note TEXT NOT NULL,
    regraded_at BIGINT NOT NULL
    {key}
);
CREATE INDEX regrade_call ON regrade (company_id, call_id, id);
CREATE INDEX regrade_task ON regrade (company_id, task_id, name, id);

-- What customers said that a robot had no answer for: each text once for each node.
CREATE TABLE unheard (
    company_id BIGINT NOT NULL,
    scene_id BIGINT NOT NULL,
    node TEXT NOT NULL,
    text TEXT NOT NULL,
    times BIGINT NOT NULL,
    -- Where it was said last.
    scene_version BIGINT NOT NULL,
    call_id BIGINT NOT NULL,
    said_at BIGINT NOT NULL,
    PRIMARY KEY (company_id, scene_id, node, text)
) {clustered};
-- The most frequent, and those that go first where there are too many.
CREATE INDEX unheard_times ON unheard (company_id, scene_id, times, said_at);
