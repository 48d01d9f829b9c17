package conformance

// Each area's package declares its specs as it is loaded.
import (
	_ "github.com/etalon-dev/etalon/conformance/admission"
	_ "github.com/etalon-dev/etalon/conformance/api"
	_ "github.com/etalon-dev/etalon/conformance/authorization"
	_ "github.com/etalon-dev/etalon/conformance/autoscaling"
	_ "github.com/etalon-dev/etalon/conformance/configuration"
	_ "github.com/etalon-dev/etalon/conformance/cronjobs"
	_ "github.com/etalon-dev/etalon/conformance/daemonsets"
	_ "github.com/etalon-dev/etalon/conformance/deployments"
	_ "github.com/etalon-dev/etalon/conformance/disruption"
	_ "github.com/etalon-dev/etalon/conformance/garbagecollection"
	_ "github.com/etalon-dev/etalon/conformance/jobs"
	_ "github.com/etalon-dev/etalon/conformance/labels"
	_ "github.com/etalon-dev/etalon/conformance/metrics"
	_ "github.com/etalon-dev/etalon/conformance/namespaces"
	_ "github.com/etalon-dev/etalon/conformance/nodes"
	_ "github.com/etalon-dev/etalon/conformance/pods"
	_ "github.com/etalon-dev/etalon/conformance/probes"
	_ "github.com/etalon-dev/etalon/conformance/replication"
	_ "github.com/etalon-dev/etalon/conformance/resources"
	_ "github.com/etalon-dev/etalon/conformance/scheduling"
	_ "github.com/etalon-dev/etalon/conformance/services"
	_ "github.com/etalon-dev/etalon/conformance/statefulsets"
	_ "github.com/etalon-dev/etalon/conformance/storage"
)
