-- What steps published, as one thing each: a named or unnamed artifact, a model's folder. A later step that is given such a
-- path is started only when the file or folder is still what is recorded here.

CREATE TABLE published (
    owner  TEXT NOT NULL,                       -- the MLflow run of the attempt, or the model ("m-...")
    path   TEXT NOT NULL,                       -- absolute, of the file or folder
    name   TEXT NOT NULL,                       -- of the artifact; "" for one without a name, and for a model
    step   TEXT NOT NULL,                       -- the id of the step that published it
    sha256 TEXT NOT NULL,                       -- of the file, or of the folder (digest/digest.h)
    stamp  TEXT NOT NULL,                       -- what the file system said of it then (runner/stamp.h); "" not known
    PRIMARY KEY (owner, path)
) STRICT, WITHOUT ROWID;
