package server

import (
	"fmt"
	"net/http"

	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
)

// etcdChecks are the `etcd` check of /livez and /healthz and the `etcd-readiness` one of /readyz.
func etcdChecks(config storagebackend.Config, stop <-chan struct{}) (live, ready healthz.HealthChecker, err error) {
	liveCheck, err := factory.CreateHealthCheck(config, stop)
	if err != nil {
		return nil, nil, err
	}
	readyCheck, err := factory.CreateReadyCheck(config, stop)
	if err != nil {
		return nil, nil, err
	}
	named := func(name string, check func() error) healthz.HealthChecker {
		return healthz.NamedCheck(name, func(*http.Request) error {
			if err := check(); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	return named("etcd", liveCheck), named("etcd-readiness", readyCheck), nil
}
