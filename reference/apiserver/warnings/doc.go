// Package warnings says what clients are told of objects that are stored all the same: fields that
// are deprecated or without effect, and values that do not mean what their writers seem to think
// (https://kubernetes.io/blog/2020/09/03/warnings/). The words are those that kubectl users know.
//
// Every function is pure and expects an object that was defaulted and is valid. Those of kinds that
// controllers rewrite all the time, such as pods, judge new objects only; those of workloads judge
// the template again when the generation has grown.
package warnings
