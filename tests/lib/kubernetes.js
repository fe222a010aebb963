/* kubernetes: the schemas of Kubernetes' own API, for a file of YAML documents. */
'use strict';

const path = require('node:path');
const yaml = require('yaml');

/* The model of a document, as kubernetes-models arranges them: apps/v1 Deployment, v1 Service. */
function modelOf({ apiVersion, kind }) {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return require(path.posix.join('kubernetes-models', group, version))[kind];
}

/* `value`, whose keys enter `known` as `path.key` when they are read: a validator reads each key
 * that its schema has, and no other. */
function watched(value, known, at = '') {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      if (typeof key === 'symbol' || !Object.hasOwn(target, key)) return target[key];
      known.add(`${at}/${key}`);
      return watched(target[key], known, `${at}/${key}`);
    }
  });
}

function pathsOf(value, at = '') {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => [`${at}/${key}`, ...pathsOf(each, `${at}/${key}`)]);
}

/* What is wrong with a document: [sentence]. */
function mistakesIn(document) {
  const Model = modelOf(document);
  if (!Model) return [`${document.apiVersion} ${document.kind} does not exist`];
  const known = new Set();
  try {
    /* not of a new Model, which would copy the document */
    Model.prototype.validate.call(watched(document, known));
  } catch (error) {
    return [error.message];
  }
  return pathsOf(document).filter((each) => !known.has(each)).map((each) => `${each}: no such field`);
}

/* All documents of a file; a key that is there twice is an error. */
function documentsOf(text) {
  return yaml.parseAllDocuments(text, { version: '1.1' }).map((each) => {
    if (each.errors.length > 0) throw each.errors[0];
    return each.toJS();
  });
}

module.exports = { documentsOf, mistakesIn };
