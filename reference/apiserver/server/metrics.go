package server

import (
	utilfeature "k8s.io/apiserver/pkg/util/feature"

	// These add kubernetes_build_info and rest_client_* to /metrics, as kube-apiserver does.
	_ "k8s.io/component-base/metrics/prometheus/restclient"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

// Of the gates, kubernetes_feature_enabled tells which are on.
func init() { utilfeature.DefaultMutableFeatureGate.AddMetrics() }
