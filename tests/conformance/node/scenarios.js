// SPDX-License-Identifier: Apache-2.0
// What programs for Node do with the client of npm: node scenarios.js SCENARIO URL NAME
// NAME is of this run alone, for experiments and models. Ends with "ok", or throws.
'use strict'
const assert = require('assert')
const MLflow = require('mlflow')
const { ViewType } = require('mlflow/enum')

const [scenario, endpoint, name] = process.argv.slice(2)
const client = new MLflow({ endpoint })
const { Experiments, Runs, Metrics, Artifacts } = client
console.log = () => {} // It prints each body.

async function refused(act, status, words) {
  const error = await act.then(() => assert.fail('not refused, expected: ' + words), error => error)
  const answer = JSON.parse(error.message.replace(/^Error: /, ''))
  assert.strictEqual(answer.status, status)
  assert.ok(JSON.stringify(answer.data).includes(words), error.message)
}

async function newRun(more = {}) {
  const { experiment_id } = await Experiments.create({ name })
  const { run } = await Runs.create({ experiment_id, start_time: 1000, ...more })
  return { experiment_id, run_id: run.info.run_id, run }
}

const scenarios = {
  async experiments() {
    const { experiment_id } = await Experiments.create({ name })
    await Experiments.update({ experiment_id, new_name: name + '-ü' })
    assert.strictEqual((await Experiments.get({ experiment_id })).experiment.name, name + '-ü')
    await Experiments.delete({ experiment_id })
    assert.strictEqual((await Experiments.get({ experiment_id })).experiment.lifecycle_stage, 'deleted')
    await Experiments.restore({ experiment_id })
    // What the client was made for is gone since MLflow 2: its general request asks for what came instead.
    await refused(Experiments.list(), 404, '')
    const found = await client.req('get', 'experiments/search', { max_results: 5, filter: `name LIKE '${name}%'` })
    assert.deepStrictEqual(found.experiments.map(one => one.experiment_id), [experiment_id])
    await refused(Experiments.create({ name: name + '-ü' }), 400, 'RESOURCE_ALREADY_EXISTS')
    await refused(Experiments.get({ experiment_id: '123456789' }), 404, 'RESOURCE_DOES_NOT_EXIST')
  },

  async runs() {
    const { run_id } = await newRun({ user_id: 'ada', tags: [{ key: 'first', value: '1' }] })
    await Runs.logParameter({ run_id, key: 'lr', value: '0.1' })
    for (const [step, value] of [0.5, 0.25, 'NaN', '-Infinity'].entries()) {
      await Runs.logMetric({ run_id, key: 'loss', value, timestamp: 2000 + step, step })
    }
    await Runs.setTag({ run_id, key: 'stage', value: 'ü ☃ 😀' })
    await Runs.setTag({ run_id, key: 'gone', value: 'soon' })
    await Runs.deleteTag({ run_id, key: 'gone' })
    const { run_info } = await Runs.update({ run_id, status: 'FINISHED', end_time: 5000 })
    assert.strictEqual(run_info.status, 'FINISHED')
    const { run } = await Runs.get({ run_id })
    assert.strictEqual(run.info.end_time, 5000)
    assert.strictEqual(run.info.user_id, 'ada')
    assert.deepStrictEqual(run.data.params, [{ key: 'lr', value: '0.1' }])
    const tags = Object.fromEntries(run.data.tags.map(({ key, value }) => [key, value]))
    assert.deepStrictEqual([tags.first, tags.stage, tags.gone], ['1', 'ü ☃ 😀', undefined])
    const { metrics } = await Metrics.getHistory({ run_id, metric_key: 'loss' })
    assert.deepStrictEqual(metrics.map(point => point.value), [0.5, 0.25, 'NaN', -1.7976931348623157e308])
    assert.deepStrictEqual(metrics.map(point => point.step), [0, 1, 2, 3])
    await refused(Runs.logParameter({ run_id, key: 'lr', value: '2' }), 400, 'Changing param values is not allowed')
    await refused(Runs.logMetric({ run_id, key: 'm', value: null, timestamp: 1 }), 400, 'INVALID_PARAMETER_VALUE')
  },

  async batch() {
    const { run_id } = await newRun()
    const metrics = Array.from({ length: 900 }, (_, step) => ({
      key: 'm', value: step === 7 ? 'NaN' : step / 8, timestamp: 1000 + step, step
    }))
    const params = Array.from({ length: 90 }, (_, index) => ({ key: 'p' + index, value: 'v' + index }))
    for (let twice = 0; twice < 2; twice++) {
      await Runs.logBatch({ run_id, metrics, params, tags: [{ key: 't', value: 'x' }] })
    }
    const { metrics: history } = await Metrics.getHistory({ run_id, metric_key: 'm' })
    assert.deepStrictEqual(history.map(point => point.value), metrics.map(point => point.value))
    const { run } = await Runs.get({ run_id })
    assert.strictEqual(run.data.params.length, 90)
    await refused(Runs.logBatch({ run_id, metrics: Array(1001).fill(metrics[0]) }), 400, 'at most 1000')
  },

  async search() {
    const { experiment_id, run_id } = await newRun()
    await Runs.logBatch({ run_id, metrics: [{ key: 'score', value: 0, timestamp: 1, step: 0 }], params: [], tags: [] })
    for (let score = 1; score < 7; score++) {
      const { run } = await Runs.create({ experiment_id })
      await Runs.logMetric({ run_id: run.info.run_id, key: 'score', value: score, timestamp: 1, step: 0 })
    }
    const ask = { experiment_ids: [experiment_id], run_view_type: ViewType.ACTIVE_ONLY }
    assert.strictEqual((await Runs.search({ ...ask, filter: 'metrics.score > 3' })).runs.length, 3)
    const scores = []
    let page_token, pages = 0
    do {
      const page = await Runs.search({ ...ask, max_results: 3, order_by: ['metrics.score DESC'], page_token })
      scores.push(...page.runs.map(run => run.data.metrics[0].value))
      page_token = page.next_page_token
      pages++
    } while (page_token)
    assert.deepStrictEqual([pages, scores], [3, [6, 5, 4, 3, 2, 1, 0]])
    await Runs.delete({ run_id })
    const deleted = await Runs.search({ ...ask, run_view_type: ViewType.DELETED_ONLY })
    assert.deepStrictEqual(deleted.runs.map(run => run.info.run_id), [run_id])
    await Runs.restore({ run_id })
    assert.strictEqual((await Runs.search(ask)).runs.length, 7)
    await refused(Runs.search({ ...ask, filter: 'nothing =' }), 400, 'INVALID_PARAMETER_VALUE')
  },

  // It lists files and moves none, and has no words for models: both go by its general request.
  async models() {
    const { experiment_id, run_id, run } = await newRun()
    const put = await fetch(`${endpoint}/api/2.0/mlflow-artifacts/artifacts/${experiment_id}/${run_id}/artifacts/` +
      'model/MLmodel', { method: 'PUT', body: 'flavors: {}' })
    assert.strictEqual(put.status, 200)
    assert.deepStrictEqual((await Artifacts.list({ run_id, path: 'model' })).files,
      [{ path: 'model/MLmodel', is_dir: false, file_size: 11 }])
    await client.req('post', 'registered-models/create', { name, tags: [{ key: 'of', value: 'node' }] })
    for (let version = 1; version <= 2; version++) {
      const made = await client.req('post', 'model-versions/create',
        { name, source: run.info.artifact_uri + '/model', run_id })
      assert.deepStrictEqual([made.model_version.version, made.model_version.status], [String(version), 'READY'])
    }
    await client.req('post', 'registered-models/alias', { name, alias: 'best', version: '1' })
    await client.req('post', 'model-versions/transition-stage',
      { name, version: '2', stage: 'Production', archive_existing_versions: true })
    const best = await client.req('get', 'registered-models/alias', { name, alias: 'best' })
    assert.deepStrictEqual([best.model_version.version, best.model_version.run_id], ['1', run_id])
    const latest = await client.req('get', 'registered-models/get-latest-versions', { name, stages: 'Production' })
    assert.deepStrictEqual(latest.model_versions.map(one => one.version), ['2'])
    const found = await client.req('get', 'model-versions/search', { filter: `run_id = '${run_id}'`, max_results: 10 })
    assert.strictEqual(found.model_versions.length, 2)
  }
}

scenarios[scenario]().then(() => process.stdout.write('ok\n'))
