// Runs one invocation as Lambda's Node.js runtime does: `node node.mjs ANSWER_FILE`, with the event on standard
// input. The answer, or the error with exit status 1, is written to ANSWER_FILE as JSON.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { env, argv } = process;

class RuntimeError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

// "dir/file.export" names an export of dir/file.js, .mjs or .cjs; further dots go into the export.
async function load(handler) {
  const [, module, path] = /^((?:.*\/)?[^./]+)\.(.+)$/.exec(handler) ?? [];
  if (!module) throw new RuntimeError('Runtime.MalformedHandlerName', 'Bad handler');
  const file = ['.js', '.mjs', '.cjs'].map((suffix) => join(env.LAMBDA_TASK_ROOT, module + suffix)).find(existsSync);
  if (!file) throw new RuntimeError('Runtime.ImportModuleError', `Error: Cannot find module '${module}'`);
  const exported = await import(pathToFileURL(file));
  const find = (root) => path.split('.').reduce((value, key) => value?.[key], root);
  const found = find(exported) ?? find(exported.default);
  if (typeof found !== 'function') {
    throw new RuntimeError('Runtime.HandlerNotFound', `${handler} is undefined or not exported`);
  }
  return found;
}

function call(handler, event) {
  const deadline = Date.now() + Number(env.AWS_LAMBDA_FUNCTION_TIMEOUT) * 1000;
  const context = {
    awsRequestId: env.AWS_REQUEST_ID,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: env.INVOKED_FUNCTION_ARN,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  return new Promise((resolve, reject) => {
    const returned = handler(event, context, (error, value) => (error ? reject(error) : resolve(value)));
    if (handler.length < 3 || returned instanceof Promise) resolve(returned);
  });
}

function answer(value, status) {
  writeFileSync(argv[2], JSON.stringify(value) ?? 'null');
  process.exit(status);
}

function fail(error) {
  const described =
    error instanceof Error
      ? { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') }
      : { errorType: typeof error, errorMessage: String(error), trace: [] };
  console.error(JSON.stringify(described));
  answer(described, 1);
}

process.on('uncaughtException', fail);
try {
  const handler = await load(env._HANDLER);
  answer(await call(handler, JSON.parse(readFileSync(0, 'utf8'))), 0);
} catch (error) {
  fail(error);
}
