"""The steps that make a record, in order; a step that has been released is never edited.

A step is SQL text and nothing of the product, so that it does the same to a database in five years.

Names of runs, tasks and samples stand once, each beside an integer key that the large tables use: with 200,000 samples
the text keys would be most of the file. The views give the names back.
"""

from __future__ import annotations

APPLICATION_ID = 0x46544852
"""``FTHR``: how a record is told from any other SQLite database."""

_FIRST = """
CREATE TABLE experiments (
    id TEXT PRIMARY KEY,                 -- <suite>-<number>
    suite TEXT NOT NULL,
    number INTEGER NOT NULL,
    suite_digest TEXT NOT NULL,
    suite_path TEXT NOT NULL,
    suite_text TEXT NOT NULL,
    key TEXT NOT NULL,                   -- what makes two experiments the same work, for resuming
    folder TEXT NOT NULL,                -- beside this database
    started TEXT NOT NULL,
    finished TEXT,
    status TEXT NOT NULL,
    data_checks TEXT REFERENCES data_checks (key),
    UNIQUE (suite, number)
);
CREATE INDEX experiments_by_key ON experiments (key);

CREATE TABLE runs (
    key INTEGER PRIMARY KEY,             -- grows with time
    id TEXT NOT NULL UNIQUE,             -- <experiment>/<arm>
    experiment TEXT NOT NULL REFERENCES experiments (id),
    suite TEXT NOT NULL,
    suite_digest TEXT NOT NULL,
    arm TEXT NOT NULL,
    seed INTEGER NOT NULL,
    status TEXT NOT NULL,
    started TEXT NOT NULL,
    finished TEXT,
    environment TEXT NOT NULL,           -- JSON
    model TEXT,                          -- JSON, what the backend says of the opened model
    adapter TEXT,
    adapter_sha256 TEXT,
    not_measured TEXT NOT NULL,          -- JSON, task -> reason
    notes TEXT NOT NULL                  -- JSON
);
CREATE INDEX runs_by_experiment ON runs (experiment);
CREATE INDEX runs_by_suite ON runs (suite, arm);

CREATE TABLE run_origins (
    run INTEGER NOT NULL REFERENCES runs (key),
    plugin TEXT NOT NULL,                -- e.g. metric:rouge
    distribution TEXT NOT NULL,
    version TEXT NOT NULL,
    entry_point TEXT NOT NULL,
    PRIMARY KEY (run, plugin)
);

CREATE TABLE tasks (
    key INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (key),
    name TEXT NOT NULL,
    mode TEXT NOT NULL,
    benchmark TEXT,
    version TEXT NOT NULL,
    generation TEXT NOT NULL,            -- JSON, the settings
    metrics TEXT NOT NULL,               -- JSON
    judges TEXT NOT NULL,                -- JSON
    samples INTEGER NOT NULL,
    source TEXT NOT NULL,
    stopping TEXT,                       -- JSON, how the asking may end early, fixed before it began
    conditions BLOB,                     -- digest of all but the requests that its answers depend on
    UNIQUE (run, name)
);
CREATE INDEX tasks_by_conditions ON tasks (conditions);

CREATE TABLE samples (                   -- content, stored once however many runs ask it
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    prompt TEXT NOT NULL,                -- JSON: a text, or messages
    targets TEXT NOT NULL,               -- JSON
    choices TEXT NOT NULL                -- JSON
);

CREATE TABLE task_samples (              -- what a task says of a sample beside its content
    task INTEGER NOT NULL REFERENCES tasks (key),
    sample INTEGER NOT NULL REFERENCES samples (key),
    position INTEGER NOT NULL,
    answer INTEGER,
    stratum TEXT,
    cluster TEXT,
    tags TEXT,                           -- JSON, empty where there is none
    attempts INTEGER NOT NULL,           -- the least number of generations that makes it whole
    PRIMARY KEY (task, sample)
) WITHOUT ROWID;

CREATE TABLE generations (
    task INTEGER NOT NULL,
    sample INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    text TEXT NOT NULL,
    finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,
    log_likelihood REAL,
    is_greedy INTEGER,
    request BLOB,                        -- digest of all that it depends on; empty: it is not given again
    reused_from INTEGER REFERENCES tasks (key), -- the task that asked, where this one took the answer over
    PRIMARY KEY (task, sample, attempt),
    FOREIGN KEY (task, sample) REFERENCES task_samples (task, sample)
);
CREATE INDEX generations_reused ON generations (task, reused_from, attempt)
    WHERE reused_from IS NOT NULL AND attempt = 0;

CREATE TABLE scores (
    task INTEGER NOT NULL,
    metric TEXT NOT NULL,
    sample INTEGER NOT NULL,
    value REAL,                          -- empty: missing, which is not 0
    why_missing TEXT,
    details TEXT,                        -- JSON, empty where there is none
    PRIMARY KEY (task, metric, sample),
    FOREIGN KEY (task, sample) REFERENCES task_samples (task, sample)
) WITHOUT ROWID;

CREATE TABLE opinions (                  -- whose answer is better, the candidate's (1) or the baseline's (0)
    candidate INTEGER NOT NULL,          -- the tasks of both runs
    baseline INTEGER NOT NULL REFERENCES tasks (key),
    judge TEXT NOT NULL,                 -- a judge of the task by its label, or people
    rater TEXT NOT NULL,                 -- a person, or the judge itself
    sample INTEGER NOT NULL,
    value REAL,                          -- empty: missing, which is no tie
    why_missing TEXT,
    details TEXT,                        -- JSON, empty where there is none
    given TEXT NOT NULL,
    PRIMARY KEY (candidate, baseline, judge, rater, sample),
    FOREIGN KEY (candidate, sample) REFERENCES task_samples (task, sample)
) WITHOUT ROWID;

CREATE TABLE reviews (                   -- how many pairs of answers were drawn for people
    candidate INTEGER NOT NULL REFERENCES tasks (key),
    baseline INTEGER NOT NULL REFERENCES tasks (key),
    items INTEGER NOT NULL,
    PRIMARY KEY (candidate, baseline)
) WITHOUT ROWID;

CREATE TABLE replies (                   -- what judges' models said, so that none is asked the same again
    request BLOB PRIMARY KEY,            -- digest of the model and all that it was asked
    experiment TEXT NOT NULL REFERENCES experiments (id), -- the first that asked
    judge TEXT NOT NULL,
    model TEXT NOT NULL,
    text TEXT NOT NULL,
    finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,
    money REAL NOT NULL,
    asked TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX replies_by_judge ON replies (experiment, judge);

CREATE TABLE estimates (
    run INTEGER NOT NULL REFERENCES runs (key),
    task TEXT NOT NULL,
    metric TEXT NOT NULL,
    value REAL,
    low REAL,
    high REAL,
    scored INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    PRIMARY KEY (run, task, metric)
);

CREATE TABLE trainings (
    key INTEGER PRIMARY KEY,
    experiment TEXT NOT NULL REFERENCES experiments (id),
    stage INTEGER NOT NULL,              -- counted from 0
    attempt INTEGER NOT NULL,            -- counts the restarts
    model TEXT NOT NULL,                 -- JSON
    trainer TEXT NOT NULL,               -- JSON
    train TEXT NOT NULL,
    validation TEXT,
    output TEXT NOT NULL,
    seed INTEGER NOT NULL,
    status TEXT NOT NULL,
    started TEXT NOT NULL,
    finished TEXT,
    error TEXT,
    path TEXT,                           -- of the checkpoint; beside this database unless absolute
    kind TEXT,
    step INTEGER,
    sha256 TEXT,
    train_loss REAL,
    validation_loss REAL,
    seconds REAL,
    facts TEXT,                          -- JSON
    kept TEXT,                           -- JSON, the checkpoints from its midst
    judged TEXT,                         -- JSON, what the choice among them saw
    rule TEXT,                           -- of that choice, in words
    data TEXT NOT NULL,                  -- JSON, file -> sha256 of what it trains on
    UNIQUE (experiment, stage)
);

CREATE TABLE progress (
    key INTEGER PRIMARY KEY,
    training INTEGER NOT NULL REFERENCES trainings (key),
    attempt INTEGER NOT NULL,
    step INTEGER NOT NULL,
    total_steps INTEGER NOT NULL,
    epoch REAL NOT NULL,
    loss REAL,
    validation_loss REAL,
    learning_rate REAL,
    seconds REAL NOT NULL,
    message TEXT,
    tokens_per_second REAL,
    memory_bytes INTEGER
);
CREATE INDEX progress_by_training ON progress (training, attempt);

CREATE TABLE verdicts (
    key INTEGER PRIMARY KEY,             -- an experiment may be judged more than once; the last one counts
    experiment TEXT NOT NULL REFERENCES experiments (id),
    decided TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    caveats TEXT NOT NULL,               -- JSON
    calibrations TEXT NOT NULL           -- JSON, the judges held to people
);
CREATE INDEX verdicts_by_experiment ON verdicts (experiment);

CREATE TABLE verdict_runs (
    verdict INTEGER NOT NULL REFERENCES verdicts (key),
    position INTEGER NOT NULL,
    run INTEGER NOT NULL REFERENCES runs (key),
    PRIMARY KEY (verdict, position)
) WITHOUT ROWID;

CREATE TABLE comparisons (               -- one row a task and metric; up is better
    verdict INTEGER NOT NULL REFERENCES verdicts (key),
    position INTEGER NOT NULL,
    unseen INTEGER NOT NULL,             -- 1: of those items only that do not stand in the training data
    task TEXT NOT NULL,
    metric TEXT NOT NULL,
    against TEXT NOT NULL,
    baseline REAL,
    candidate REAL,
    change REAL,
    low REAL,
    high REAL,
    pairs INTEGER NOT NULL,
    fixed INTEGER NOT NULL,
    broken INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    preserved REAL,
    PRIMARY KEY (verdict, position)
) WITHOUT ROWID;

CREATE TABLE rulings (
    verdict INTEGER NOT NULL REFERENCES verdicts (key),
    position INTEGER NOT NULL,
    task TEXT NOT NULL,
    metric TEXT,
    min_gain REAL,
    max_drop REAL,
    relative INTEGER NOT NULL,
    at_least REAL,
    at_most REAL,
    against TEXT NOT NULL,
    tier TEXT NOT NULL,
    alpha REAL NOT NULL,
    only_below REAL,
    max_missing REAL,
    min_items INTEGER,
    min_kappa REAL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    p_passed REAL,
    p_failed REAL,
    items INTEGER NOT NULL,
    items_needed INTEGER,
    PRIMARY KEY (verdict, position)
) WITHOUT ROWID;

CREATE TABLE judgements (                -- every time that test items served a verdict, recorded or merely looked at
    key INTEGER PRIMARY KEY,
    decided TEXT NOT NULL,
    suite TEXT NOT NULL,
    candidate INTEGER NOT NULL REFERENCES runs (key),
    outcome TEXT NOT NULL
);
CREATE INDEX judgements_by_suite ON judgements (suite);

CREATE TABLE controls (                  -- what the rules say where nothing differs
    key INTEGER PRIMARY KEY,
    decided TEXT NOT NULL,
    suite TEXT NOT NULL,
    suite_digest TEXT NOT NULL,
    control TEXT NOT NULL                -- JSON
);
CREATE INDEX controls_by_suite ON controls (suite);

CREATE TABLE data_checks (               -- what checks said of the rows of an experiment
    key TEXT PRIMARY KEY,                -- digest of the rows, the checks and all that they were given
    checked TEXT NOT NULL,
    tables TEXT NOT NULL,                -- JSON
    seen TEXT NOT NULL                   -- JSON: task -> sample -> where it stands in what is trained on
);

CREATE TABLE faults (
    key INTEGER PRIMARY KEY,
    experiment TEXT NOT NULL REFERENCES experiments (id),
    run INTEGER REFERENCES runs (key),
    noted TEXT NOT NULL,
    distribution TEXT NOT NULL,
    version TEXT NOT NULL,
    entry_point TEXT NOT NULL,
    hook TEXT NOT NULL,
    error TEXT NOT NULL,
    traceback TEXT NOT NULL
);
CREATE INDEX faults_by_experiment ON faults (experiment);

CREATE VIEW latest_runs AS               -- the newest run of each suite and arm
SELECT runs.id, runs.experiment, runs.suite, runs.arm, runs.seed, runs.status, runs.started, runs.finished,
       CASE typeof(runs.model) WHEN 'text' THEN json_extract(runs.model, '$.name') END AS model,
       runs.adapter, runs.suite_digest
FROM runs
WHERE runs.key IN (SELECT max(key) FROM runs GROUP BY suite, arm);

CREATE VIEW score_pairs AS               -- filter by baseline_run and candidate_run
SELECT baseline_runs.id AS baseline_run, candidate_runs.id AS candidate_run,
       baseline_tasks.name AS task, baseline_scores.metric AS metric, samples.id AS sample,
       baseline_scores.value AS baseline, candidate_scores.value AS candidate,
       task_samples.stratum AS stratum, task_samples.cluster AS cluster
FROM runs AS baseline_runs
JOIN tasks AS baseline_tasks ON baseline_tasks.run = baseline_runs.key
JOIN runs AS candidate_runs ON candidate_runs.key <> baseline_runs.key
JOIN tasks AS candidate_tasks ON candidate_tasks.run = candidate_runs.key AND candidate_tasks.name = baseline_tasks.name
JOIN scores AS baseline_scores ON baseline_scores.task = baseline_tasks.key
JOIN scores AS candidate_scores ON candidate_scores.task = candidate_tasks.key
    AND candidate_scores.metric = baseline_scores.metric AND candidate_scores.sample = baseline_scores.sample
JOIN samples ON samples.key = baseline_scores.sample
JOIN task_samples ON task_samples.task = baseline_tasks.key AND task_samples.sample = baseline_scores.sample;
"""

_REASONING = """
ALTER TABLE generations ADD COLUMN reasoning TEXT; -- what stood before the answer, where it was asked for
"""

MIGRATIONS: tuple[tuple[str, str], ...] = (
    ("first tables and views", _FIRST),
    ("what a model thought before it answered", _REASONING),
)
"""(name, SQL) of each step; step ``n`` is the ``n``-th, counted from 1."""
