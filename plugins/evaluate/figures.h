/* SPDX-License-Identifier: Apache-2.0
 * Pictures of an evaluation, as SVG artifacts below plots/.
 *
 * A classifier: confusion_matrix.svg; with probabilities roc.svg, pr.svg and calibration.svg (of the
 * positive class; with more than two classes roc and pr of each, up to eight, and no calibration).
 * A regressor: residuals.svg, predicted.svg.
 */
#ifndef SLUICE_EVALUATE_FIGURES_H
#define SLUICE_EVALUATE_FIGURES_H

#include "fault.h"
#include "sample.h"
#include "step.h"

/* Draws them into the step's folder and makes them artifacts. */
int figures_draw(const struct step_host *host, const struct sample *sample, struct fault *fault);
/* Writes `text` to NAME in the step's folder and makes it the artifact `artifact`. */
int figures_keep_text(const struct step_host *host, const char *file, const char *artifact, const char *text,
                      struct fault *fault);

#endif
