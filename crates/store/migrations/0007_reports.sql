-- What reports are made of: how much was done, and what came of it, in each hour (since the epoch: so that the zone may be
-- changed), on each line for each task. Changed in the transaction of the fact. An attempt counts where it began, and a
-- call with the last of its attempts; imported numbers have line 0, and calls placed by themselves task 0.
CREATE TABLE call_count (
    company_id BIGINT NOT NULL,
    hour BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    line_id BIGINT NOT NULL,
    scene_id BIGINT NOT NULL,
    imported BIGINT NOT NULL DEFAULT 0,
    dialled BIGINT NOT NULL DEFAULT 0,
    numbers_dialled BIGINT NOT NULL DEFAULT 0,
    answered BIGINT NOT NULL DEFAULT 0,
    lost BIGINT NOT NULL DEFAULT 0,
    finished BIGINT NOT NULL DEFAULT 0,
    talk_s BIGINT NOT NULL DEFAULT 0,
    talk_0 BIGINT NOT NULL DEFAULT 0,
    talk_1 BIGINT NOT NULL DEFAULT 0,
    talk_2 BIGINT NOT NULL DEFAULT 0,
    talk_3 BIGINT NOT NULL DEFAULT 0,
    talk_4 BIGINT NOT NULL DEFAULT 0,
    grade_a BIGINT NOT NULL DEFAULT 0,
    grade_b BIGINT NOT NULL DEFAULT 0,
    grade_c BIGINT NOT NULL DEFAULT 0,
    grade_d BIGINT NOT NULL DEFAULT 0,
    grade_e BIGINT NOT NULL DEFAULT 0,
    grade_f BIGINT NOT NULL DEFAULT 0,
    grade_other BIGINT NOT NULL DEFAULT 0,
    turns BIGINT NOT NULL DEFAULT 0,
    turns_ms BIGINT NOT NULL DEFAULT 0,
    turn_0 BIGINT NOT NULL DEFAULT 0,
    turn_1 BIGINT NOT NULL DEFAULT 0,
    turn_2 BIGINT NOT NULL DEFAULT 0,
    turn_3 BIGINT NOT NULL DEFAULT 0,
    turn_4 BIGINT NOT NULL DEFAULT 0,
    turn_5 BIGINT NOT NULL DEFAULT 0,
    turn_6 BIGINT NOT NULL DEFAULT 0,
    turn_7 BIGINT NOT NULL DEFAULT 0,
    turn_8 BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (company_id, hour, task_id, line_id, scene_id)
) {clustered};
CREATE INDEX call_count_task ON call_count (company_id, task_id, hour);

-- What a person made of a call. tags: JSON, a list of texts.
CREATE TABLE call_note (
    company_id BIGINT NOT NULL,
    call_id BIGINT NOT NULL,
    note TEXT NOT NULL,
    tags TEXT NOT NULL,
    noted_by TEXT NOT NULL,
    noted_at BIGINT NOT NULL,
    PRIMARY KEY (company_id, call_id)
);

-- Tasks that have not ended: what the overview looks at.
CREATE INDEX task_open ON task (company_id, id) WHERE deleted_at IS NULL AND status NOT IN (2, 6);
-- Numbers that were called by themselves.
CREATE INDEX customer_single ON customer (company_id, phone) WHERE task_id = 0;
-- What was done to a thing.
CREATE INDEX audit_log_object ON audit_log (company_id, kind, object_id, id);

-- The counts of what was done before: attempts, calls, how fast the robot answered, and imports.
INSERT INTO call_count (company_id, hour, task_id, line_id, scene_id,
    dialled, numbers_dialled, answered, lost)
SELECT f.company_id, f.hour, f.task_id, f.line_id, f.scene_id,
    SUM(CASE WHEN COALESCE(f.disposition, '') <> 'blacklisted' THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.attempt_no = 1 AND COALESCE(f.disposition, '') <> 'blacklisted' THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.disposition = 'answered' THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.disposition IN ('no_seat', 'interrupted') THEN 1 ELSE 0 END)
FROM (
    SELECT a.company_id, a.claimed_at / 3600000 AS hour, a.task_id, a.line_id, COALESCE(t.scene_id, r.scene_id, 0) AS scene_id,
        a.attempt_no, a.disposition
    FROM attempt a
    JOIN call c ON c.company_id = a.company_id AND c.id = a.call_id
    LEFT JOIN task t ON t.company_id = c.company_id AND t.id = c.task_id
    LEFT JOIN robot r ON r.company_id = c.company_id AND r.id = c.robot_id
) f
GROUP BY f.company_id, f.hour, f.task_id, f.line_id, f.scene_id
ON CONFLICT (company_id, hour, task_id, line_id, scene_id) DO UPDATE SET
    dialled = excluded.dialled, numbers_dialled = excluded.numbers_dialled, answered = excluded.answered,
    lost = excluded.lost;

INSERT INTO call_count (company_id, hour, task_id, line_id, scene_id,
    finished, talk_s, talk_0, talk_1, talk_2, talk_3, talk_4, grade_a, grade_b, grade_c, grade_d, grade_e,
    grade_f, grade_other)
SELECT f.company_id, f.hour, f.task_id, f.line_id, f.scene_id,
    COUNT(*), CAST(SUM(COALESCE(f.talk_s, 0)) AS BIGINT), SUM(CASE WHEN f.talk_s < 10 THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.talk_s >= 10 AND f.talk_s < 30 THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.talk_s >= 30 AND f.talk_s < 60 THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.talk_s >= 60 AND f.talk_s < 120 THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.talk_s >= 120 THEN 1 ELSE 0 END), SUM(CASE WHEN f.grade = 'A' THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.grade = 'B' THEN 1 ELSE 0 END), SUM(CASE WHEN f.grade = 'C' THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.grade = 'D' THEN 1 ELSE 0 END), SUM(CASE WHEN f.grade = 'E' THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.grade = 'F' THEN 1 ELSE 0 END), SUM(CASE WHEN f.grade = '' THEN 1 ELSE 0 END)
FROM (
    SELECT c.company_id, COALESCE(c.started_at, c.ended_at, 0) / 3600000 AS hour, c.task_id,
        COALESCE(c.line_id, 0) AS line_id, COALESCE(t.scene_id, r.scene_id, 0) AS scene_id,
        CASE WHEN c.finish_status = 0 THEN c.duration_s END AS talk_s,
        CASE
            WHEN strpos(c.result_pairs, '"name":"客户意向等级","value":"A') > 0 THEN 'A'
            WHEN strpos(c.result_pairs, '"name":"客户意向等级","value":"B') > 0 THEN 'B'
            WHEN strpos(c.result_pairs, '"name":"客户意向等级","value":"C') > 0 THEN 'C'
            WHEN strpos(c.result_pairs, '"name":"客户意向等级","value":"D') > 0 THEN 'D'
            WHEN strpos(c.result_pairs, '"name":"客户意向等级","value":"E') > 0 THEN 'E'
            WHEN strpos(c.result_pairs, '"name":"客户意向等级","value":"F') > 0 THEN 'F'
            ELSE ''
        END AS grade
    FROM call c
    LEFT JOIN task t ON t.company_id = c.company_id AND t.id = c.task_id
    LEFT JOIN robot r ON r.company_id = c.company_id AND r.id = c.robot_id
    WHERE c.status = 2
) f
GROUP BY f.company_id, f.hour, f.task_id, f.line_id, f.scene_id
ON CONFLICT (company_id, hour, task_id, line_id, scene_id) DO UPDATE SET
    finished = excluded.finished, talk_s = excluded.talk_s, talk_0 = excluded.talk_0, talk_1 = excluded.talk_1,
    talk_2 = excluded.talk_2, talk_3 = excluded.talk_3, talk_4 = excluded.talk_4, grade_a = excluded.grade_a,
    grade_b = excluded.grade_b, grade_c = excluded.grade_c, grade_d = excluded.grade_d,
    grade_e = excluded.grade_e, grade_f = excluded.grade_f, grade_other = excluded.grade_other;

INSERT INTO call_count (company_id, hour, task_id, line_id, scene_id,
    turns, turns_ms, turn_0, turn_1, turn_2, turn_3, turn_4, turn_5, turn_6, turn_7, turn_8)
SELECT f.company_id, f.hour, f.task_id, f.line_id, f.scene_id,
    COUNT(*), CAST(SUM(f.ms) AS BIGINT), SUM(CASE WHEN f.ms < 400 THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.ms >= 400 AND f.ms < 600 THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.ms >= 600 AND f.ms < 800 THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.ms >= 800 AND f.ms < 1000 THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.ms >= 1000 AND f.ms < 1300 THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.ms >= 1300 AND f.ms < 1600 THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.ms >= 1600 AND f.ms < 2000 THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.ms >= 2000 AND f.ms < 3000 THEN 1 ELSE 0 END),
    SUM(CASE WHEN f.ms >= 3000 THEN 1 ELSE 0 END)
FROM (
    SELECT c.company_id, COALESCE(c.started_at, c.ended_at, 0) / 3600000 AS hour, c.task_id,
        COALESCE(c.line_id, 0) AS line_id, COALESCE(t.scene_id, r.scene_id, 0) AS scene_id,
        u.ms
    FROM ({turns}) u
    JOIN call c ON c.company_id = u.company_id AND c.id = u.call_id
    LEFT JOIN task t ON t.company_id = c.company_id AND t.id = c.task_id
    LEFT JOIN robot r ON r.company_id = c.company_id AND r.id = c.robot_id
    WHERE c.status = 2
) f
GROUP BY f.company_id, f.hour, f.task_id, f.line_id, f.scene_id
ON CONFLICT (company_id, hour, task_id, line_id, scene_id) DO UPDATE SET
    turns = excluded.turns, turns_ms = excluded.turns_ms, turn_0 = excluded.turn_0, turn_1 = excluded.turn_1,
    turn_2 = excluded.turn_2, turn_3 = excluded.turn_3, turn_4 = excluded.turn_4, turn_5 = excluded.turn_5,
    turn_6 = excluded.turn_6, turn_7 = excluded.turn_7, turn_8 = excluded.turn_8;

INSERT INTO call_count (company_id, hour, task_id, line_id, scene_id,
    imported)
SELECT f.company_id, f.hour, f.task_id, f.line_id, f.scene_id,
    COUNT(*)
FROM (
    SELECT cu.company_id, cu.created_at / 3600000 AS hour, cu.task_id, 0 AS line_id, t.scene_id
    FROM customer cu
    JOIN task t ON t.company_id = cu.company_id AND t.id = cu.task_id
) f
GROUP BY f.company_id, f.hour, f.task_id, f.line_id, f.scene_id
ON CONFLICT (company_id, hour, task_id, line_id, scene_id) DO UPDATE SET
    imported = excluded.imported;
