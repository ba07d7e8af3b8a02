-- Where a company's integrators are told what happened. subject: 0 calls, 1 tasks.
CREATE TABLE callback_address (
    company_id BIGINT NOT NULL,
    subject BIGINT NOT NULL,
    url TEXT NOT NULL,
    content_type TEXT NOT NULL,
    -- Whether what people change by hand is told as well.
    manual_changes BIGINT NOT NULL,
    -- The key whose secret signs; empty: the company's oldest one that is valid.
    app_key TEXT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (company_id, subject)
);

-- The table of before was never written.
DROP TABLE callback;

-- What is to be told to integrators, written in the transaction of the fact.
CREATE TABLE callback (
    company_id BIGINT NOT NULL,
    -- 0 a call has finished, 1 somebody changed a result of a call, 2 a task has moved.
    kind BIGINT NOT NULL,
    -- The call or the task.
    subject_id BIGINT NOT NULL,
    -- Which change of it.
    seq BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    -- Its place among the callbacks of the task: what a call index counts, twice as wide.
    place BIGINT NOT NULL,
    -- What cannot be read any more when it is sent: JSON.
    detail TEXT NOT NULL,
    direction BIGINT NOT NULL,
    customer_phone TEXT NOT NULL,
    called_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    -- When it is tried next, 0 for at once; none once it is delivered or given up.
    due_at BIGINT,
    tried_at BIGINT,
    -- What the receiver answered last, or what went wrong.
    http_status BIGINT,
    answer TEXT,
    delivered_at BIGINT,
    given_up_at BIGINT,
    PRIMARY KEY (company_id, kind, subject_id, seq)
) {clustered};
CREATE INDEX callback_due ON callback (company_id, due_at, place) WHERE due_at IS NOT NULL;
CREATE INDEX callback_given_up ON callback (company_id, direction, called_at, subject_id) WHERE given_up_at IS NOT NULL;
CREATE INDEX callback_newest ON callback (company_id, created_at);

-- Which process sends a company's callbacks; no other does while its lease lasts.
CREATE TABLE callback_lane (
    company_id BIGINT PRIMARY KEY,
    node_id BIGINT NOT NULL
);
