// Package fuzz holds tests only: they throw random, mutated and hostile objects of every served kind at
// the codecs, defaults and strategies of the API server.
//
// The kinds are read from the registry, so that a new resource is covered as soon as it is served. An
// example in testdata/<group>.yaml, which is what mutations start from, makes its tests reach deeper.
//
// What has to hold for every input, and where:
//   - nothing panics;
//   - an object comes back the same from JSON, protobuf and CBOR, and from storage;
//   - defaulting what has been defaulted changes nothing;
//   - what was accepted is accepted again when it is written back unchanged, and is not changed by that;
//   - what was refused is not stored, and no input makes the server answer 5xx.
//
// CONTRIBUTING.md says how to run them for longer.
package fuzz
