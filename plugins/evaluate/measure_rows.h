/* SPDX-License-Identifier: Apache-2.0
 * Which metrics there are, once: measures.c makes its table of these rows, and evaluate.c the names that its input
 * `thresholds` may have, so that `sluice validate` knows them.
 *
 * M(name, when it applies, how it is computed, with which argument, why it is NaN when the rows have weight). The words
 * of the columns between are those of measures.c.
 */
#ifndef SLUICE_EVALUATE_MEASURE_ROWS_H
#define SLUICE_EVALUATE_MEASURE_ROWS_H

/* Of classes. */
#define MEASURES_OF_CLASSES(M)                                                                                         \
    M("accuracy", CLASSIFIER, of_accuracy, 0, "")                                                                      \
    M("balanced_accuracy", CLASSIFIER, of_balanced_accuracy, 0, "")                                                    \
    M("precision", BINARY, of_precision, 0, "")                                                                        \
    M("recall", BINARY, of_recall, 0, "")                                                                              \
    M("f1", BINARY, of_f1, 0, "")                                                                                      \
    M("precision_macro", CLASSIFIER, of_precision_average, CLASSIFICATION_MACRO, "")                                   \
    M("recall_macro", CLASSIFIER, of_recall_average, CLASSIFICATION_MACRO, "")                                         \
    M("f1_macro", CLASSIFIER, of_f1_average, CLASSIFICATION_MACRO, "")                                                 \
    M("precision_weighted", CLASSIFIER, of_precision_average, CLASSIFICATION_WEIGHTED, "")                             \
    M("recall_weighted", CLASSIFIER, of_recall_average, CLASSIFICATION_WEIGHTED, "")                                   \
    M("f1_weighted", CLASSIFIER, of_f1_average, CLASSIFICATION_WEIGHTED, "")                                           \
    M("precision_micro", CLASSIFIER, of_precision_average, CLASSIFICATION_MICRO, "")                                   \
    M("recall_micro", CLASSIFIER, of_recall_average, CLASSIFICATION_MICRO, "")                                         \
    M("f1_micro", CLASSIFIER, of_f1_average, CLASSIFICATION_MICRO, "")

/* Of the probabilities of classes. */
#define MEASURES_OF_SCORES(M)                                                                                          \
    M("roc_auc", BINARY | SCORED, of_roc_auc, 0, "it needs rows of both classes")                                      \
    M("pr_auc", BINARY | SCORED, of_pr_auc, 0, "")                                                                     \
    M("roc_auc_macro", SEVERAL | SCORED, of_ranking_average, RANKING_ROC_AUC * 2 + RANKING_MACRO,                      \
      "it needs rows of every class")                                                                                  \
    M("roc_auc_weighted", SEVERAL | SCORED, of_ranking_average, RANKING_ROC_AUC * 2 + RANKING_WEIGHTED,                \
      "it needs rows of two classes")                                                                                  \
    M("pr_auc_macro", SEVERAL | SCORED, of_ranking_average, RANKING_PR_AUC * 2 + RANKING_MACRO, "")                    \
    M("pr_auc_weighted", SEVERAL | SCORED, of_ranking_average, RANKING_PR_AUC * 2 + RANKING_WEIGHTED, "")              \
    M("log_loss", CLASSIFIER | SCORED, of_log_loss, 0, "")                                                             \
    M("brier", CLASSIFIER | SCORED, of_brier, 0, "")

/* Of one class: "recall:malignant". */
#define MEASURES_OF_EACH_CLASS(M)                                                                                      \
    M("precision", CLASSIFIER | EACH_CLASS, of_precision, 0, "")                                                       \
    M("recall", CLASSIFIER | EACH_CLASS, of_recall, 0, "")                                                             \
    M("f1", CLASSIFIER | EACH_CLASS, of_f1, 0, "")                                                                     \
    M("support", CLASSIFIER | EACH_CLASS, of_support, 0, "")

/* Of the probability of one class. */
#define MEASURES_OF_EACH_SCORE(M)                                                                                      \
    M("roc_auc", SEVERAL | SCORED | EACH_CLASS, of_roc_auc, 0, "it needs rows of the class and of others")             \
    M("pr_auc", SEVERAL | SCORED | EACH_CLASS, of_pr_auc, 0, "")

/* Of numbers. */
#define MEASURES_OF_NUMBERS(M)                                                                                         \
    M("rmse", REGRESSOR, of_rmse, 1, "")                                                                               \
    M("mse", REGRESSOR, of_rmse, 0, "")                                                                                \
    M("mae", REGRESSOR, of_mae, 0, "")                                                                                 \
    M("mape", REGRESSOR, of_mae, 1, "")                                                                                \
    M("r2", REGRESSOR, of_r2, 0, "it needs two rows at least")                                                         \
    M("max_error", REGRESSOR, of_max_error, 0, "")                                                                     \
    M("residual_p05", REGRESSOR, of_residual, 5, "")                                                                   \
    M("residual_p25", REGRESSOR, of_residual, 25, "")                                                                  \
    M("residual_p50", REGRESSOR, of_residual, 50, "")                                                                  \
    M("residual_p75", REGRESSOR, of_residual, 75, "")                                                                  \
    M("residual_p95", REGRESSOR, of_residual, 95, "")

/* The names as the rules `keys` of a row of inputs: see step.h. */
#define MEASURE_NAME_(name, when, of, argument, undefined) "|" name
#define MEASURE_PREFIX_(name, when, of, argument, undefined) "|" name ":*"
#define MEASURES_KEYS                                                                                                  \
    "keys[type=classifier]=" MEASURES_OF_CLASSES(MEASURE_NAME_) MEASURES_OF_EACH_CLASS(MEASURE_PREFIX_)                \
    "; keys[type=classifier&probability]=" MEASURES_OF_SCORES(MEASURE_NAME_) MEASURES_OF_EACH_SCORE(MEASURE_PREFIX_)   \
    "; keys[type=regressor]=" MEASURES_OF_NUMBERS(MEASURE_NAME_)

#endif
