// Package resourceclaim makes the ResourceClaims that pods ask for by template, reserves allocated claims for pods that
// were put on a node without the scheduler, and takes reservations, allocations and generated claims back when the pods
// they are for have ended.
//
// Keys with the prefix "pod:" in the name are pods, those with "claim:" are claims.
//
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
package resourceclaim
