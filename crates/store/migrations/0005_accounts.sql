-- Keys: from which addresses one may be used (ranges with commas between them; empty: from all), and the secret before the last rotation, which is good until previous_until.
ALTER TABLE app_key ADD COLUMN allowed_addresses TEXT NOT NULL DEFAULT '';
ALTER TABLE app_key ADD COLUMN previous_secret TEXT;
ALTER TABLE app_key ADD COLUMN previous_until BIGINT;
ALTER TABLE app_key ADD COLUMN rotated_at BIGINT;
-- When each of the two was last used, to the minute.
ALTER TABLE app_key ADD COLUMN used_at BIGINT;
ALTER TABLE app_key ADD COLUMN previous_used_at BIGINT;

-- Users of the console. Names are in small letters; the password as a PHC string of Argon2id.
CREATE TABLE console_user (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    all_companies BIGINT NOT NULL,
    password_hash TEXT NOT NULL,
    password_changed_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);
CREATE UNIQUE INDEX console_user_name ON console_user (name);

CREATE TABLE console_user_company (
    user_id BIGINT NOT NULL,
    company_id BIGINT NOT NULL,
    PRIMARY KEY (user_id, company_id)
);

-- Who is signed in. token_digest: SHA-256 of the token, in hexadecimal; the token itself is nowhere.
CREATE TABLE console_session (
    id BIGINT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    token_digest TEXT NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL,
    began_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX console_session_token ON console_session (token_digest);
CREATE INDEX console_session_user ON console_session (user_id, id);

-- Wrong passwords in a row, for a name or an address.
CREATE TABLE sign_in_failure (
    subject TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    open_at BIGINT NOT NULL
);
CREATE INDEX sign_in_failure_last ON sign_in_failure (last_at);

-- Who changed what. company_id: 0 for what belongs to the installation. before_value, after_value: JSON.
CREATE TABLE audit_log (
    {serial}
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    company_id BIGINT NOT NULL,
    before_value TEXT,
    after_value TEXT
);
CREATE INDEX audit_log_company ON audit_log (company_id, id);
CREATE INDEX audit_log_actor ON audit_log (actor, id);
CREATE INDEX audit_log_at ON audit_log (at);
