// Package unchanged makes client-go's informers watch over what they have cached: a process in which an object of a
// cache is changed ends with a panic that shows how. Tests import it where that costs little: in the simulated world, where
// hours pass in a moment, it compares too often; there KUBE_CACHE_MUTATION_DETECTOR=true turns it on for once.
//
// client-go decides on that while it is initialised. Go initialises packages in the order of their paths, each as soon
// as those that it imports are; so this one comes before k8s.io's as long as it imports nothing to speak of.
package unchanged

import "os"

const variable = "KUBE_CACHE_MUTATION_DETECTOR"

func init() {
	if _, set := os.LookupEnv(variable); !set {
		_ = os.Setenv(variable, "true")
	}
}
