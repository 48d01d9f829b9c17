// Package controllers runs the controllers of a cluster: the loops that bring
// what is there in line with what the API objects ask for. Each lives in a
// package of its own and knows the others only through the API server. One
// process of several is the leader and works; the others wait to take over.
package controllers
