package config

import (
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"

	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// setDefaults fills in what was left out, with the documented defaults. For a field that this agent does not support it
// is the value that describes what the agent does.
func setDefaults(c *kubeletv1beta1.KubeletConfiguration) {
	or(&c.PodLogsDir, "/var/log/pods")
	or(&c.FileCheckFrequency.Duration, 20*time.Second)
	or(&c.HTTPCheckFrequency.Duration, 20*time.Second)
	or(&c.ContainerLogMaxSize, "10Mi")
	orNew(&c.ContainerLogMaxFiles, 5)
	orNew(&c.ContainerLogMaxWorkers, 1)
	orNew(&c.ContainerLogMonitorInterval, metav1.Duration{Duration: 10 * time.Second})
	or(&c.Port, 10250)
	or(&c.ClusterDomain, "cluster.local")
	or(&c.MaxPods, 110)
	or(&c.CgroupDriver, "cgroupfs")
	or(&c.ContentType, "application/vnd.kubernetes.protobuf")
	orNew(&c.ResolverConfig, "/etc/resolv.conf")
	or(&c.CPUManagerReconcilePeriod.Duration, 10*time.Second)
	if c.NodeStatusUpdateFrequency.Duration > 0 {
		or(&c.NodeStatusReportFrequency, c.NodeStatusUpdateFrequency)
	}
	or(&c.NodeStatusUpdateFrequency.Duration, 10*time.Second)
	or(&c.NodeStatusReportFrequency.Duration, 5*time.Minute)
	or(&c.HealthzBindAddress, "127.0.0.1")
	orNew(&c.HealthzPort, 10248)
	or(&c.NodeLeaseDurationSeconds, 40)
	or(&c.SyncFrequency.Duration, time.Minute)
	or(&c.StreamingConnectionIdleTimeout.Duration, 4*time.Hour)
	or(&c.ConfigMapAndSecretChangeDetectionStrategy, kubeletv1beta1.WatchChangeDetectionStrategy)
	or(&c.EvictionPressureTransitionPeriod.Duration, 5*time.Minute)
	orNew(&c.MergeDefaultEvictionSettings, false)
	if c.EvictionHard == nil {
		c.EvictionHard = eviction.DefaultHard()
	} else if *c.MergeDefaultEvictionSettings {
		given := c.EvictionHard
		c.EvictionHard = eviction.DefaultHard()
		maps.Copy(c.EvictionHard, given)
	}
	if c.EnforceNodeAllocatable == nil {
		c.EnforceNodeAllocatable = []string{"pods"}
	}
	orNew(&c.SerializeImagePulls, c.MaxParallelImagePulls == nil || *c.MaxParallelImagePulls <= 1)
	or(&c.ImagePullCredentialsVerificationPolicy, kubeletv1beta1.NeverVerifyPreloadedImages)
	orNew(&c.RegistryPullQPS, 5)
	or(&c.RegistryBurst, 10)
	or(&c.ImageMinimumGCAge.Duration, 2*time.Minute)
	orNew(&c.ImageGCHighThresholdPercent, 85)
	orNew(&c.ImageGCLowThresholdPercent, 80)
	orNew(&c.NodeStatusMaxImages, 50)
	orNew(&c.RegisterNode, true)
	orNew(&c.SeccompDefault, false)
	orNew(&c.CgroupsPerQOS, true)
	orNew(&c.EnableSystemLogHandler, true)
	orNew(&c.EnableSystemLogQuery, false)
	orNew(&c.EnableDebuggingHandlers, true)
	orNew(&c.EnableProfilingHandler, true)
	orNew(&c.EnableDebugFlagsHandler, true)
	orNew(&c.CPUCFSQuota, true)
	orNew(&c.FailSwapOn, true)
	orNew(&c.PodPidsLimit, -1)
	or(&c.CPUManagerPolicy, NoCPUManager)
	or(&c.MemoryManagerPolicy, NoMemoryManager)
	or(&c.TopologyManagerPolicy, topology.None)
	or(&c.TopologyManagerScope, topology.ContainerScope)
	orNew(&c.CPUCFSQuotaPeriod, metav1.Duration{Duration: 100 * time.Millisecond})
}

func or[T comparable](field *T, usual T) {
	var none T
	if *field == none {
		*field = usual
	}
}

func orNew[T any](field **T, usual T) {
	if *field == nil {
		*field = &usual
	}
}
