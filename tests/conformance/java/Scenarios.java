// SPDX-License-Identifier: Apache-2.0
// What programs in Java do with MLflow's own client: java Scenarios SCENARIO URL NAME FOLDER
// NAME is of this run alone, for experiments and models; FOLDER is an empty one. Ends with "ok", or throws.

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.mlflow.api.proto.ModelRegistry.ModelVersion;
import org.mlflow.api.proto.Service.CreateRun;
import org.mlflow.api.proto.Service.Experiment;
import org.mlflow.api.proto.Service.FileInfo;
import org.mlflow.api.proto.Service.Metric;
import org.mlflow.api.proto.Service.Param;
import org.mlflow.api.proto.Service.Run;
import org.mlflow.api.proto.Service.RunInfo;
import org.mlflow.api.proto.Service.RunStatus;
import org.mlflow.api.proto.Service.RunTag;
import org.mlflow.api.proto.Service.ViewType;
import org.mlflow.tracking.ActiveRun;
import org.mlflow.tracking.MlflowClient;
import org.mlflow.tracking.MlflowClientException;
import org.mlflow.tracking.MlflowContext;
import org.mlflow.tracking.ModelVersionsPage;
import org.mlflow.tracking.Page;

public final class Scenarios {
    private final MlflowClient client;
    private final String name;
    private final Path folder;

    private Scenarios(String url, String name, Path folder) {
        this.client = new MlflowClient(url);
        this.name = name;
        this.folder = folder;
    }

    public static void main(String[] words) throws Exception {
        Scenarios scenarios = new Scenarios(words[1], words[2], Path.of(words[3]));
        Map<String, Scenario> all = Map.of("experiments", scenarios::experiments, "runs", scenarios::runs,
            "batch", scenarios::batch, "search", scenarios::search, "deleted", scenarios::deleted,
            "files", scenarios::files, "registry", scenarios::registry, "context", scenarios::context,
            "refusals", scenarios::refusals);
        all.get(words[0]).play();
        scenarios.client.close();
        System.out.println("ok");
    }

    private interface Scenario {
        void play() throws Exception;
    }

    private static void same(Object found, Object expected) {
        if (!Objects.equals(found, expected)) {
            throw new AssertionError("found " + found + ", expected " + expected);
        }
    }

    private static void refused(String words, Runnable act) {
        try {
            act.run();
        } catch (MlflowClientException refusal) {
            same(refusal.getMessage().contains(words) ? words : refusal.getMessage(), words);
            return;
        }
        throw new AssertionError("not refused, expected: " + words);
    }

    private static Map<String, String> tags(Run run) {
        Map<String, String> tags = new TreeMap<>();
        run.getData().getTagsList().forEach(tag -> tags.put(tag.getKey(), tag.getValue()));
        return tags;
    }

    private static Metric point(String key, double value, long timestamp, long step) {
        return Metric.newBuilder().setKey(key).setValue(value).setTimestamp(timestamp).setStep(step).build();
    }

    private void experiments() {
        String id = client.createExperiment(name);
        client.setExperimentTag(id, "team", "grün ☃");
        Experiment made = client.getExperiment(id);
        same(made.getName(), name);
        same(made.getLifecycleStage(), "active");
        same(made.getTags(0).getValue(), "grün ☃");
        same(client.getExperimentByName(name).map(Experiment::getExperimentId), Optional.of(id));
        same(client.getExperimentByName(name + "-none"), Optional.empty());
        client.renameExperiment(id, name + "-new");
        same(client.searchExperiments("name = '" + name + "-new'").getItems().get(0).getExperimentId(), id);
        client.deleteExperiment(id);
        same(client.getExperiment(id).getLifecycleStage(), "deleted");
        same(client.searchExperiments("name LIKE '" + name + "%'").getItems().size(), 0);
        same(client.searchExperiments("name LIKE '" + name + "%'", ViewType.ALL, 10, List.of()).getItems().size(), 1);
        client.restoreExperiment(id);
        same(client.getExperiment(id).getLifecycleStage(), "active");
        refused("RESOURCE_ALREADY_EXISTS", () -> client.createExperiment(name + "-new"));
    }

    private void runs() {
        String experiment = client.createExperiment(name);
        RunInfo made = client.createRun(CreateRun.newBuilder().setExperimentId(experiment).setUserId("ada")
            .setStartTime(1000).setRunName("first").build());
        String id = made.getRunId();
        same(made.getRunUuid(), id);
        same(made.getStatus(), RunStatus.RUNNING);
        client.logParam(id, "lr", "0.1");
        client.logParam(id, "lr", "0.1");
        client.logMetric(id, "loss", 0.5, 2000, 0);
        client.logMetric(id, "loss", 0.25, 3000, 1);
        client.logMetric(id, "odd", Double.NaN);
        client.logMetric(id, "high", Double.POSITIVE_INFINITY);
        client.setTag(id, "stage", "try");
        client.setTag(id, "stage", "ü ☃ 😀");
        client.setTag(id, "gone", "soon");
        client.deleteTag(id, "gone");
        client.setTerminated(id, RunStatus.FAILED, 5000);
        Run run = client.getRun(id);
        same(run.getInfo().getStatus(), RunStatus.FAILED);
        same(run.getInfo().getStartTime(), 1000L);
        same(run.getInfo().getEndTime(), 5000L);
        same(run.getInfo().getUserId(), "ada");
        same(run.getInfo().getRunName(), "first");
        same(tags(run), Map.of("mlflow.runName", "first", "stage", "ü ☃ 😀"));
        same(run.getData().getParamsList(), List.of(Param.newBuilder().setKey("lr").setValue("0.1").build()));
        Map<String, Double> metrics = run.getData().getMetricsList().stream()
            .collect(Collectors.toMap(Metric::getKey, Metric::getValue));
        same(metrics, Map.of("loss", 0.25, "odd", Double.NaN, "high", Double.MAX_VALUE));
        same(client.getMetricHistory(id, "loss").stream().map(Metric::getValue).collect(Collectors.toList()),
            List.of(0.5, 0.25));
        same(client.getMetricHistory(id, "none").size(), 0);
    }

    private void batch() {
        String id = client.createRun(client.createExperiment(name)).getRunId();
        List<Metric> metrics = new ArrayList<>();
        for (int step = 0; step < 900; step++) {
            metrics.add(point("m", step == 7 ? Double.NaN : step / 8.0, 1000 + step, step));
        }
        List<Param> params = new ArrayList<>();
        for (int index = 0; index < 90; index++) {
            params.add(Param.newBuilder().setKey("p" + index).setValue("v" + index).build());
        }
        List<RunTag> tags = List.of(RunTag.newBuilder().setKey("t").setValue("x").build());
        for (int twice = 0; twice < 2; twice++) {
            client.logBatch(id, metrics, params, tags);
        }
        List<Metric> history = client.getMetricHistory(id, "m");
        same(history.size(), 900);
        same(history.get(899).getValue(), 899 / 8.0);
        same(history.stream().filter(found -> Double.isNaN(found.getValue())).map(Metric::getStep)
            .collect(Collectors.toList()), List.of(7L));
        Run run = client.getRun(id);
        same(run.getData().getParamsCount(), 90);
        same(tags(run).get("t"), "x");
        client.setTerminated(id);
        same(client.getRun(id).getInfo().getStatus(), RunStatus.FINISHED);
    }

    @SuppressWarnings("deprecation") // Programs use both forms of searchRuns.
    private void search() {
        String experiment = client.createExperiment(name);
        for (int index = 0; index < 7; index++) {
            String id = client.createRun(experiment).getRunId();
            client.logMetric(id, "score", index);
            client.logParam(id, "half", index % 2 == 0 ? "even" : "odd");
        }
        List<String> where = List.of(experiment);
        same(client.searchRuns(where, "metrics.score >= 3 AND params.half = 'even'").size(), 2);
        same(client.searchRuns(where, "").size(), 7);
        same(client.listRunInfos(experiment).size(), 7);
        List<Double> scores = new ArrayList<>();
        int pages = 0;
        Page<Run> page = client.searchRuns(where, "", ViewType.ACTIVE_ONLY, 3, List.of("metrics.score DESC"));
        while (true) {
            pages++;
            page.getItems().forEach(run -> scores.add(run.getData().getMetrics(0).getValue()));
            if (!page.hasNextPage()) {
                break;
            }
            page = page.getNextPage();
        }
        same(pages, 3);
        same(scores, List.of(6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0));
    }

    @SuppressWarnings("deprecation")
    private void deleted() {
        String experiment = client.createExperiment(name);
        String id = client.createRun(experiment).getRunId();
        client.deleteRun(id);
        same(client.getRun(id).getInfo().getLifecycleStage(), "deleted");
        same(client.searchRuns(List.of(experiment), "").size(), 0);
        same(client.searchRuns(List.of(experiment), "", ViewType.DELETED_ONLY).size(), 1);
        client.restoreRun(id);
        same(client.searchRuns(List.of(experiment), "", ViewType.ALL).get(0).getLifecycleStage(), "active");
    }

    private void files() throws Exception {
        String id = client.createRun(client.createExperiment(name)).getRunId();
        Path source = Files.createDirectories(folder.resolve("source/deep"));
        Files.writeString(source.resolve("a b.txt"), "hello ü");
        Files.write(source.getParent().resolve("bytes.bin"), new byte[] {0, 1, (byte) 0xff});
        client.logArtifact(id, source.resolve("a b.txt").toFile());
        client.logArtifact(id, source.getParent().resolve("bytes.bin").toFile(), "one/two");
        client.logArtifacts(id, source.getParent().toFile(), "all");
        same(client.listArtifacts(id).stream().map(FileInfo::getPath).collect(Collectors.toCollection(TreeSet::new)),
            new TreeSet<>(List.of("a b.txt", "all", "one")));
        FileInfo file = client.listArtifacts(id, "one/two").get(0);
        same(file.getPath() + " " + file.getFileSize() + " " + file.getIsDir(), "one/two/bytes.bin 3 false");
        File whole = client.downloadArtifacts(id);
        same(Files.readString(whole.toPath().resolve("all/deep/a b.txt")), "hello ü");
        same(Files.readString(client.downloadArtifacts(id, "a b.txt").toPath()), "hello ü");
    }

    // The client has no words for making models: programs post what MLflow's documents say, through it.
    private void registry() throws Exception {
        String id = client.createRun(client.createExperiment(name)).getRunId();
        Files.writeString(folder.resolve("MLmodel"), "flavors: {}");
        client.logArtifact(id, folder.resolve("MLmodel").toFile(), "model");
        String source = client.getRun(id).getInfo().getArtifactUri() + "/model";
        client.sendPost("registered-models/create", "{\"name\": \"" + name + "\", \"description\": \"of Java\"}");
        for (int version = 0; version < 3; version++) {
            client.sendPost("model-versions/create",
                "{\"name\": \"" + name + "\", \"source\": \"" + source + "\", \"run_id\": \"" + id + "\"}");
        }
        client.sendPost("model-versions/transition-stage", "{\"name\": \"" + name
            + "\", \"version\": \"2\", \"stage\": \"Staging\", \"archive_existing_versions\": false}");
        client.sendPatch("model-versions/update",
            "{\"name\": \"" + name + "\", \"version\": \"1\", \"description\": \"x\"}");
        client.sendPost("registered-models/alias",
            "{\"name\": \"" + name + "\", \"alias\": \"best\", \"version\": \"3\"}");
        same(client.getRegisteredModel(name).getDescription(), "of Java");
        same(client.getRegisteredModel(name).getAliases(0).getVersion(), "3");
        ModelVersion first = client.getModelVersion(name, "1");
        same(first.getDescription() + first.getRunId() + first.getStatus(), "x" + id + "READY");
        same(client.getLatestVersions(name, List.of("Staging")).get(0).getVersion(), "2");
        same(client.getLatestVersions(name).size(), 2);
        same(client.getModelVersionDownloadUri(name, "1"), source);
        same(Files.readString(client.downloadModelVersion(name, "1").toPath().resolve("MLmodel")), "flavors: {}");
        same(Files.exists(client.downloadLatestModelVersion(name, "Staging").toPath().resolve("MLmodel")), true);
        ModelVersionsPage page = client.searchModelVersions(
            "name = '" + name + "'", 2, List.of("version_number ASC"));
        same(page.getItems().get(0).getVersion(), "1");
        List<String> rest = new ArrayList<>();
        page.getNextPage().getItems().forEach(version -> rest.add(version.getVersion()));
        same(rest, List.of("3"));
    }

    private void context() {
        MlflowContext context = new MlflowContext(client);
        client.createExperiment(name);
        context.setExperimentName(name);
        ActiveRun parent = context.startRun("parent");
        ActiveRun child = context.startRun("child", parent.getId());
        child.logParams(Map.of("a", "1", "b", "2"));
        child.logMetrics(Map.of("m", 0.5, "n", Double.NaN), 3);
        child.setTags(Map.of("x", "y"));
        child.endRun();
        parent.endRun(RunStatus.KILLED);
        Run found = client.getRun(child.getId());
        same(tags(found).get("mlflow.parentRunId"), parent.getId());
        same(found.getData().getParamsCount() + found.getData().getMetricsCount(), 4);
        same(found.getInfo().getStatus(), RunStatus.FINISHED);
        same(client.getRun(parent.getId()).getInfo().getStatus(), RunStatus.KILLED);
        same(client.searchRuns(List.of(context.getExperimentId()), "tags.mlflow.runName = 'child'", ViewType.ALL, 9)
            .getItems().size(), 1);
    }

    private void refusals() {
        String id = client.createRun(client.createExperiment(name)).getRunId();
        client.logParam(id, "p", "1");
        refused("Changing param values is not allowed", () -> client.logParam(id, "p", "2"));
        refused("RESOURCE_DOES_NOT_EXIST", () -> client.getRun("0123456789abcdef0123456789abcdef"));
        refused("RESOURCE_DOES_NOT_EXIST", () -> client.getExperiment("123456789"));
        refused("INVALID_PARAMETER_VALUE", () -> client.searchRuns(List.of("0"), "nothing =", ViewType.ALL, 9));
        refused("RESOURCE_DOES_NOT_EXIST", () -> client.getModelVersion(name, "1"));
        refused("RESOURCE_DOES_NOT_EXIST", () -> client.deleteTag(id, "none"));
    }
}
