// Package allocator hands out the scarce numbers of Services: cluster IPs and node ports.
//
// A number is taken while an object of its name exists in etcd, which says who holds it. Creating
// an object is atomic, so several API servers on one etcd never hand out a number twice, nothing
// is held in memory, and a restart forgets nothing. Cluster IPs are IPAddress objects
// (networking.k8s.io/v1, KEP-1880); node ports are RangeAllocation objects, one for each port.
//
// A server that dies between taking a number and storing the Service leaves it taken: the same
// Service may take it over, and Repair finds it.
package allocator
