-- Which runs have a param or a tag of a value, for searches that few runs meet. A mark stands for the key and the value
-- (store/run_marks.h): by chance another may have it, so that whoever finds a run here looks at the value itself.
CREATE TABLE run_marks (
    mark INTEGER NOT NULL,
    run  INTEGER NOT NULL REFERENCES metric_runs(id),
    PRIMARY KEY (mark, run)
) STRICT, WITHOUT ROWID;
-- Those of what is there: run_marks_convert.
