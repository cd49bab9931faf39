/* SPDX-License-Identifier: Apache-2.0 */
#include "figures.h"

#include "classification.h"
#include "probability.h"
#include "ranking.h"
#include "regression.h"
#include "svg_plot.h"
#include "textbuf.h"

#include <stdio.h>

enum { MOST_CURVES = 8, MOST_CELLS = 60, BINS = 10 };

int figures_keep_text(const struct step_host *host, const char *file, const char *artifact, const char *text,
                      struct fault *fault)
{
    struct scratch scratch = {0};
    struct textbuf out = {0};
    const char *path = scratch_printf(&scratch, "%s/%s", host->context->step_dir, file);
    textbuf_put(&out, text);
    int result = textbuf_write_file(&out, path, fault);
    if (result == 0 && host->artifact(host, path, artifact) != 0) {
        result = fault_set(fault, "the artifact '%s' was not accepted", artifact);
    }
    textbuf_free(&out);
    scratch_free(&scratch);
    return result;
}

/* Keeps and empties the picture. */
static int keep(const struct step_host *host, struct textbuf *picture, const char *name, struct fault *fault)
{
    char artifact[64];
    (void)snprintf(artifact, sizeof artifact, "plots/%s", name);
    int result = figures_keep_text(host, name, artifact, textbuf_text(picture), fault);
    textbuf_free(picture);
    return result;
}

static int draw_confusion(const struct step_host *host, struct scratch *scratch, const struct sample *sample,
                          struct fault *fault)
{
    struct classification counts;
    struct textbuf picture = {0};
    if (sample->class_count > MOST_CELLS) {
        step_log(host, STEP_LOG_INFO, "no picture of the confusion matrix: %zu classes are too many to see",
                 sample->class_count);
        return 0;
    }
    if (classification_count(scratch, sample->labels, sample->predictions, sample->weights, sample->rows,
                             sample->class_count, &counts, fault) < 0) {
        return -1;
    }
    svg_plot_matrix(&picture, "Confusion matrix", "label", "prediction", sample->class_names, counts.confusion,
                    sample->class_count);
    return keep(host, &picture, "confusion_matrix.svg", fault);
}

/* The curve's points as shares; the ROC starts at the origin. */
static struct svg_plot_series roc_points(struct scratch *scratch, const struct ranking_curve *curve, const char *name)
{
    double *x = scratch_array(scratch, curve->steps + 1, sizeof *x);
    double *y = scratch_array(scratch, curve->steps + 1, sizeof *y);
    for (size_t i = 0; i < curve->steps; i++) {
        x[i + 1] = curve->false_positives[i] / curve->negatives;
        y[i + 1] = curve->true_positives[i] / curve->positives;
    }
    return (struct svg_plot_series){name, x, y, curve->steps + 1};
}

static struct svg_plot_series pr_points(struct scratch *scratch, const struct ranking_curve *curve, const char *name)
{
    double *x = scratch_array(scratch, curve->steps, sizeof *x);
    double *y = scratch_array(scratch, curve->steps, sizeof *y);
    for (size_t i = 0; i < curve->steps; i++) {
        x[i] = curve->true_positives[i] / curve->positives;
        y[i] = curve->true_positives[i] / (curve->true_positives[i] + curve->false_positives[i]);
    }
    return (struct svg_plot_series){name, x, y, curve->steps};
}

static int draw_curves(const struct step_host *host, struct scratch *scratch, const struct sample *sample,
                       struct fault *fault)
{
    struct svg_plot_series roc[MOST_CURVES];
    struct svg_plot_series pr[MOST_CURVES];
    size_t count = 0;
    double share = 0;
    for (size_t c = 0; c < sample->class_count && count < MOST_CURVES; c++) {
        if (sample_is_binary(sample) && c != sample->positive) {
            continue;
        }
        struct ranking_curve curve =
            ranking_curve_of(scratch, sample->labels, c, sample->scores[c], sample->weights, sample->rows);
        if (curve.positives > 0 && curve.negatives > 0) {
            bool binary = sample_is_binary(sample);
            const char *class = sample->class_names[c];
            const char *roc_name = binary ? scratch_printf(scratch, "AUC %.4f", ranking_roc_auc(&curve)) : class;
            const char *pr_name = binary ? scratch_printf(scratch, "average %.4f", ranking_pr_auc(&curve)) : class;
            roc[count] = roc_points(scratch, &curve, roc_name);
            pr[count++] = pr_points(scratch, &curve, pr_name);
            share = curve.positives / (curve.positives + curve.negatives);
        }
    }
    if (count == 0) {
        step_log(host, STEP_LOG_INFO, "no curves: they need rows of both classes");
        return 0;
    }
    struct textbuf picture = {0};
    struct svg_plot plot = {.title = "ROC curve", .x_label = "false positive rate", .y_label = "true positive rate",
                            .unit_axes = true, .guide = SVG_PLOT_DIAGONAL};
    svg_plot_series(&picture, &plot, roc, count);
    if (keep(host, &picture, "roc.svg", fault) < 0) {
        return -1;
    }
    plot = (struct svg_plot){.title = "Precision and recall", .x_label = "recall", .y_label = "precision",
                             .unit_axes = true, .stairs = true, .level = share,
                             .guide = sample_is_binary(sample) ? SVG_PLOT_LEVEL : SVG_PLOT_NO_GUIDE};
    svg_plot_series(&picture, &plot, pr, count);
    return keep(host, &picture, "pr.svg", fault);
}

static int draw_calibration(const struct step_host *host, const struct sample *sample, struct fault *fault)
{
    struct probability_bin bins[BINS];
    double x[BINS];
    double y[BINS];
    size_t count = probability_calibration(sample->labels, sample->positive, sample->scores[sample->positive],
                                           sample->weights, sample->rows, BINS, bins);
    for (size_t i = 0; i < count; i++) {
        x[i] = bins[i].predicted;
        y[i] = bins[i].observed;
    }
    struct textbuf picture = {0};
    struct svg_plot plot = {.title = "Calibration", .x_label = "mean predicted probability",
                            .y_label = "share of positives", .unit_axes = true, .guide = SVG_PLOT_DIAGONAL};
    struct svg_plot_series series = {"observed", x, y, count};
    svg_plot_series(&picture, &plot, &series, 1);
    return keep(host, &picture, "calibration.svg", fault);
}

static int draw_regressor(const struct step_host *host, struct scratch *scratch, const struct sample *sample,
                          struct fault *fault)
{
    struct regression line = {sample->rows, sample->targets, sample->estimates, sample->weights};
    struct textbuf picture = {0};
    struct svg_plot plot = {.title = "Residuals", .x_label = "prediction", .y_label = "label - prediction",
                            .points = true, .guide = SVG_PLOT_ZERO};
    struct svg_plot_series series = {NULL, sample->estimates, regression_residuals(scratch, &line), sample->rows};
    svg_plot_series(&picture, &plot, &series, 1);
    if (keep(host, &picture, "residuals.svg", fault) < 0) {
        return -1;
    }
    plot = (struct svg_plot){.title = "Predictions", .x_label = "label", .y_label = "prediction", .points = true};
    series = (struct svg_plot_series){NULL, sample->targets, sample->estimates, sample->rows};
    svg_plot_series(&picture, &plot, &series, 1);
    return keep(host, &picture, "predicted.svg", fault);
}

int figures_draw(const struct step_host *host, const struct sample *sample, struct fault *fault)
{
    struct scratch scratch = {0};
    int result = 0;
    if (!sample->classifier) {
        result = draw_regressor(host, &scratch, sample, fault);
    } else {
        result = draw_confusion(host, &scratch, sample, fault);
        if (result == 0 && sample->scores != NULL) {
            result = draw_curves(host, &scratch, sample, fault);
        }
        if (result == 0 && sample->scores != NULL && sample_is_binary(sample)) {
            result = draw_calibration(host, sample, fault);
        }
    }
    scratch_free(&scratch);
    return result;
}
