-- One text for both engines. Some marks differ, see src/migrate.rs:
--   {id}          the id column; SQLite's row id, or the first half of PostgreSQL's key
--   {key}         PostgreSQL's primary key, which has to name the company so that it can be sharded
--   {feed_page}   SQLite's index with all that the feed answers
--   {partitioned} PARTITION BY HASH (company_id) where PostgreSQL is asked to partition
-- Moments are milliseconds since the epoch, dates and times of day are ISO texts, extras are JSON.

CREATE TABLE id_block (
    name TEXT PRIMARY KEY,
    next_id BIGINT NOT NULL
);

CREATE TABLE company (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    seats BIGINT NOT NULL,
    -- Where it is stricter than the installation: its hours of the day, and attempts at a number.
    legal_start TEXT,
    legal_end TEXT,
    dials_per_day BIGINT,
    dials_per_week BIGINT,
    created_at BIGINT NOT NULL,
    -- Counters, changed in the transaction of the fact that they count.
    task_count BIGINT NOT NULL DEFAULT 0,
    deleted_task_count BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE app_key (
    app_key TEXT PRIMARY KEY,
    sealed_secret TEXT NOT NULL,
    edition TEXT NOT NULL,
    requests_per_s BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE TABLE app_key_company (
    app_key TEXT NOT NULL,
    company_id BIGINT NOT NULL,
    PRIMARY KEY (app_key, company_id)
);

CREATE TABLE line (
    {id}
    company_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    phone TEXT NOT NULL,
    kind BIGINT NOT NULL,
    driver TEXT NOT NULL,
    channels BIGINT,
    -- Calls that may start in a second, and how long that takes to be reached after idleness.
    calls_per_s BIGINT,
    ramp_s BIGINT NOT NULL,
    bill_period_s BIGINT NOT NULL,
    enabled BIGINT NOT NULL,
    valid_from BIGINT,
    valid_until BIGINT,
    line_use BIGINT,
    settings TEXT NOT NULL,
    created_at BIGINT NOT NULL
    {key}
);
CREATE INDEX line_company ON line (company_id, id);

CREATE TABLE scene (
    {id}
    company_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    latest_version BIGINT NOT NULL,
    created_at BIGINT NOT NULL
    {key}
);
CREATE UNIQUE INDEX scene_name ON scene (company_id, name);

CREATE TABLE scene_version (
    company_id BIGINT NOT NULL,
    scene_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    document TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    PRIMARY KEY (company_id, scene_id, version)
);

CREATE TABLE voice (
    {id}
    company_id BIGINT NOT NULL,
    scene_id BIGINT NOT NULL,
    name TEXT NOT NULL
    {key}
);
CREATE UNIQUE INDEX voice_scene ON voice (company_id, scene_id, name);

CREATE TABLE robot (
    {id}
    company_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    scene_id BIGINT NOT NULL,
    online BIGINT NOT NULL,
    industry_one TEXT NOT NULL,
    industry_two TEXT NOT NULL,
    modified_at BIGINT NOT NULL
    {key}
);
CREATE INDEX robot_company ON robot (company_id, id);

CREATE TABLE task (
    {id}
    company_id BIGINT NOT NULL,
    -- The company's first task has 1, the next one 2: what a page of the list begins with can be reckoned.
    number BIGINT NOT NULL,
    name TEXT NOT NULL,
    kind BIGINT NOT NULL,
    status BIGINT NOT NULL,
    start_date TEXT NOT NULL,
    working_start TEXT NOT NULL,
    working_end TEXT NOT NULL,
    break_start TEXT,
    break_end TEXT,
    robot_id BIGINT NOT NULL,
    scene_id BIGINT NOT NULL,
    scene_version BIGINT NOT NULL,
    voice_id BIGINT NOT NULL,
    line_kind BIGINT,
    quota BIGINT NOT NULL,
    in_progress_max BIGINT NOT NULL,
    elastic BIGINT NOT NULL,
    redial_rules TEXT NOT NULL,
    remark TEXT NOT NULL,
    extras TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    ended_at BIGINT,
    deleted_at BIGINT,
    -- Counters, changed in the transaction of the fact that they count.
    total_count BIGINT NOT NULL DEFAULT 0,
    next_call_index BIGINT NOT NULL DEFAULT 0,
    finish_0 BIGINT NOT NULL DEFAULT 0,
    finish_1 BIGINT NOT NULL DEFAULT 0,
    finish_2 BIGINT NOT NULL DEFAULT 0,
    finish_3 BIGINT NOT NULL DEFAULT 0,
    finish_4 BIGINT NOT NULL DEFAULT 0,
    finish_5 BIGINT NOT NULL DEFAULT 0,
    finish_6 BIGINT NOT NULL DEFAULT 0,
    finish_7 BIGINT NOT NULL DEFAULT 0,
    finish_8 BIGINT NOT NULL DEFAULT 0,
    finish_9 BIGINT NOT NULL DEFAULT 0,
    finish_10 BIGINT NOT NULL DEFAULT 0,
    finish_11 BIGINT NOT NULL DEFAULT 0,
    finish_22 BIGINT NOT NULL DEFAULT 0,
    talk_0 BIGINT NOT NULL DEFAULT 0,
    talk_1 BIGINT NOT NULL DEFAULT 0,
    talk_2 BIGINT NOT NULL DEFAULT 0,
    talk_3 BIGINT NOT NULL DEFAULT 0,
    rounds_0 BIGINT NOT NULL DEFAULT 0,
    rounds_1 BIGINT NOT NULL DEFAULT 0,
    rounds_2 BIGINT NOT NULL DEFAULT 0,
    rounds_3 BIGINT NOT NULL DEFAULT 0,
    -- How the attempts went lately, in thousandths of one: what overdialling learns from.
    recent_dialled BIGINT NOT NULL DEFAULT 0,
    recent_answered BIGINT NOT NULL DEFAULT 0,
    recent_lost BIGINT NOT NULL DEFAULT 0
    {key}
);
-- Pages of the list are found in these.
CREATE INDEX task_list ON task (company_id, deleted_at, number);
CREATE UNIQUE INDEX task_all ON task (company_id, number);
CREATE INDEX task_deleted ON task (company_id, number) WHERE deleted_at IS NOT NULL;
CREATE INDEX task_awake ON task (company_id, id) WHERE status IN (1, 3, 5, 7) OR (status = 0 AND kind = 1);

CREATE TABLE task_line (
    company_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    line_id BIGINT NOT NULL,
    -- In the order in which the lines were given.
    id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (company_id, task_id, line_id)
) {clustered};

-- Every move of a task's state: who or what, and why.
CREATE TABLE task_move (
    company_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    from_status BIGINT NOT NULL,
    to_status BIGINT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (company_id, task_id, seq)
);

-- How often each value of each result was concluded in a task.
CREATE TABLE task_result_count (
    company_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (company_id, task_id, name, value)
);

CREATE TABLE customer (
    {id}
    company_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    phone TEXT NOT NULL,
    properties TEXT NOT NULL,
    created_at BIGINT NOT NULL
    {key}
) {partitioned};
-- Calls placed by themselves have task 0, and may repeat a number.
CREATE UNIQUE INDEX customer_once ON customer (company_id, task_id, phone) WHERE task_id > 0;

CREATE TABLE call (
    {id}
    company_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    customer_name TEXT NOT NULL,
    customer_phone TEXT NOT NULL,
    kind BIGINT NOT NULL,
    status BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    -- Its place among the numbers of its task, from 0; 0 for a call placed by itself.
    import_no BIGINT NOT NULL,
    redials BIGINT NOT NULL DEFAULT 0,
    -- Of these, those that our own side was the cause of.
    caller_redials BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    call_index BIGINT,
    finish_status BIGINT,
    duration_s BIGINT,
    chat_rounds BIGINT,
    started_at BIGINT,
    ended_at BIGINT,
    line_id BIGINT,
    caller_phone TEXT,
    redial_planned_at BIGINT,
    hung_up_by BIGINT,
    robot_id BIGINT,
    result_pairs TEXT,
    recording TEXT,
    customer_recording TEXT,
    read_at BIGINT,
    track_result TEXT
    {key}
) {partitioned};
-- The feed, with everything that it can be filtered by.
CREATE INDEX call_feed ON call (company_id, task_id, call_index, finish_status, duration_s, chat_rounds)
    WHERE call_index IS NOT NULL;
{feed_page}
-- The call to a number.
CREATE INDEX call_customer ON call (company_id, customer_id);
-- What is still to be dialled, in its order.
CREATE INDEX call_fresh ON call (company_id, task_id, due_at, import_no) WHERE status = 0;
CREATE INDEX call_redial ON call (company_id, task_id, due_at, id) WHERE status = 3;

-- How many calls wait in each part of those orders, changed in the transaction of the fact: a page is found by it.
-- A block of status 0 has the numbers with due_at 0, by import_no; one of status 3 has redials, by due_at.
-- Level 0 has small blocks, level 1 the same calls in large ones. Blocks without calls have no row.
CREATE TABLE waiting_block (
    company_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    level BIGINT NOT NULL,
    status BIGINT NOT NULL,
    block BIGINT NOT NULL,
    waiting BIGINT NOT NULL,
    PRIMARY KEY (company_id, task_id, level, status, block)
) {clustered};

-- What was said and concluded: one document each, read and written as a whole.
CREATE TABLE call_record (
    {id}
    company_id BIGINT NOT NULL,
    first_utterance_id BIGINT NOT NULL,
    first_result_id BIGINT NOT NULL,
    utterances TEXT NOT NULL,
    results TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
    {key}
) {partitioned};

-- Results by value, for the feed's filter.
CREATE TABLE call_result (
    company_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    call_index BIGINT NOT NULL,
    PRIMARY KEY (company_id, task_id, name, value, call_index)
) {clustered} {partitioned};

-- Every dial attempt, written before the number is dialled.
CREATE TABLE attempt (
    company_id BIGINT NOT NULL,
    call_id BIGINT NOT NULL,
    attempt_no BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    line_id BIGINT NOT NULL,
    node_id BIGINT NOT NULL,
    seated BIGINT NOT NULL,
    claimed_at BIGINT NOT NULL,
    answered_at BIGINT,
    ended_at BIGINT,
    disposition TEXT,
    -- What the line reported, where it is a real one: names as in hutong_domain::outcome, codes of RFC 3261 and Q.850.
    ended_by TEXT,
    sip_code BIGINT,
    q850_cause BIGINT,
    early_media TEXT,
    setup_ms BIGINT,
    ring_ms BIGINT,
    PRIMARY KEY (company_id, call_id, attempt_no)
) {clustered} {partitioned};
-- Calls in progress: what holds seats and channels.
CREATE INDEX attempt_live ON attempt (company_id, task_id, line_id, seated, answered_at) WHERE ended_at IS NULL;
CREATE INDEX attempt_node ON attempt (node_id) WHERE ended_at IS NULL;

-- Numbers that a call is being made to, anywhere in the installation: one call at a time.
CREATE TABLE busy_number (
    phone TEXT NOT NULL PRIMARY KEY,
    company_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    call_id BIGINT NOT NULL,
    since BIGINT NOT NULL
) {clustered};

-- Attempts at a number on a day (days since the epoch): what frequency caps look at.
CREATE TABLE dialled_number (
    phone TEXT NOT NULL,
    day BIGINT NOT NULL,
    company_id BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    PRIMARY KEY (phone, day, company_id)
) {clustered};
CREATE INDEX dialled_number_day ON dialled_number (day);

-- How fast calls started on a line lately, and whether it is left alone.
CREATE TABLE line_health (
    company_id BIGINT NOT NULL,
    line_id BIGINT NOT NULL,
    pace_thousandths BIGINT NOT NULL,
    pace_at BIGINT NOT NULL,
    ramp_from BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    opened BIGINT NOT NULL,
    open_until BIGINT,
    trial_since BIGINT,
    arrears_since BIGINT,
    PRIMARY KEY (company_id, line_id)
) {clustered};

CREATE TABLE blacklist_group (
    {id}
    company_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    remark TEXT NOT NULL,
    created_at BIGINT NOT NULL
    {key}
);
CREATE UNIQUE INDEX blacklist_group_name ON blacklist_group (company_id, name);

CREATE TABLE blacklist_entry (
    {id}
    company_id BIGINT NOT NULL,
    group_id BIGINT NOT NULL,
    mobile TEXT NOT NULL,
    name TEXT NOT NULL,
    remark TEXT NOT NULL,
    created_at BIGINT NOT NULL
    {key}
);
CREATE UNIQUE INDEX blacklist_entry_mobile ON blacklist_entry (company_id, mobile, group_id);
CREATE INDEX blacklist_entry_group ON blacklist_entry (company_id, group_id, id);

CREATE TABLE sms_template (
    {id}
    company_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    status BIGINT NOT NULL,
    created_at BIGINT NOT NULL
    {key}
);
CREATE INDEX sms_template_company ON sms_template (company_id, id);

-- What is to be told to integrators.
CREATE TABLE callback (
    {id}
    company_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    call_id BIGINT NOT NULL,
    direction BIGINT NOT NULL,
    customer_phone TEXT NOT NULL,
    called_at BIGINT NOT NULL,
    given_up_at BIGINT
    {key}
);
CREATE INDEX callback_given_up ON callback (company_id, direction, called_at, id) WHERE given_up_at IS NOT NULL;

-- Carriers' announcements that the installation knows by their sound.
CREATE TABLE announcement (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    meaning TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE node (
    id BIGINT PRIMARY KEY,
    started_at BIGINT NOT NULL,
    lease_until BIGINT NOT NULL
);
