-- Days for which a company keeps what it knows of people, where that is shorter than the installation's; 0 where it is not.
ALTER TABLE company ADD COLUMN keep_recordings_days BIGINT NOT NULL DEFAULT 0;
ALTER TABLE company ADD COLUMN keep_transcripts_days BIGINT NOT NULL DEFAULT 0;
ALTER TABLE company ADD COLUMN keep_numbers_days BIGINT NOT NULL DEFAULT 0;

-- Call indexes of the task below which transcripts are emptied, and numbers masked: the calls of a task end in the order of
-- their indexes.
ALTER TABLE task ADD COLUMN transcripts_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN numbers_from BIGINT NOT NULL DEFAULT 0;

-- How far that has come with calls placed by themselves: all up to the one that ended then, and has this id.
CREATE TABLE retention_cursor (
    company_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    ended_at BIGINT NOT NULL,
    call_id BIGINT NOT NULL,
    PRIMARY KEY (company_id, kind)
);
CREATE INDEX call_single ON call (company_id, ended_at, id) WHERE task_id = 0 AND status = 2;

-- Recordings of people who are to be forgotten: a server that has a file of them in its spool still deletes it.
CREATE TABLE recording_removal (
    company_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (company_id, name)
);
