// Package config reads the agent's configuration file, a KubeletConfiguration of kubelet.config.k8s.io/v1beta1
// (docs: tasks/administer-cluster/kubelet-config-file, reference/config-api/kubelet-config.v1beta1).
package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/yaml"
)

// supported names the fields, as files write them, that change what this agent does. Any other may only be
// given the value that it has by default: a setting that would be ignored is refused instead.
var supported = []string{
	"cpuCFSQuota", "cpuCFSQuotaPeriod", "podPidsLimit", "singleProcessOOMKill", "memorySwap", "failSwapOn",
	"cpuManagerPolicy", "cpuManagerPolicyOptions", "reservedSystemCPUs",
	"topologyManagerPolicy", "topologyManagerScope", "topologyManagerPolicyOptions", "memoryManagerPolicy", "reservedMemory",
	"clusterDNS", "clusterDomain", "maxPods", "seccompDefault", "allowedUnsafeSysctls",
	"enableSystemLogHandler", "enableSystemLogQuery", "enableDebuggingHandlers", "enableProfilingHandler", "enableContentionProfiling",
	"enableDebugFlagsHandler",
	"resolvConf", "containerRuntimeEndpoint", "port", "podLogsDir", "failCgroupV1",
	"kubeAPIQPS", "kubeAPIBurst", "contentType", "eventRecordQPS", "eventBurst", "maxOpenFiles",
	// CPUs that others give back are shared at once, whatever the period says.
	"cpuManagerReconcilePeriod",
	"containerLogMaxSize", "containerLogMaxFiles", "containerLogMaxWorkers", "containerLogMonitorInterval", "crashLoopBackOff",
	"staticPodPath", "staticPodURL", "staticPodURLHeader", "fileCheckFrequency", "httpCheckFrequency",
	"registerNode", "registerWithTaints", "providerID", "nodeStatusUpdateFrequency", "nodeStatusReportFrequency", "nodeLeaseDurationSeconds",
	"rotateCertificates", "serverTLSBootstrap", "healthzPort", "healthzBindAddress",
	"shutdownGracePeriod", "shutdownGracePeriodCriticalPods", "shutdownGracePeriodByPodPriority",
	"podsPerCore", "kubeReserved", "systemReserved", "kubeReservedCgroup", "systemReservedCgroup", "enforceNodeAllocatable",
	"evictionHard", "evictionSoft", "evictionSoftGracePeriod", "evictionPressureTransitionPeriod", "evictionMaxPodGracePeriod",
	"evictionMinimumReclaim", "kernelMemcgNotification", "mergeDefaultEvictionSettings",
	"imagePullCredentialsVerificationPolicy", "preloadedImagesVerificationAllowlist",
	"serializeImagePulls", "maxParallelImagePulls", "registryPullQPS", "registryBurst",
	"imageGCHighThresholdPercent", "imageGCLowThresholdPercent", "imageMinimumGCAge", "imageMaximumGCAge", "nodeStatusMaxImages",
}

// Load reads the file and fills in defaults. Unknown and repeated fields, values that cannot be and settings that this
// agent does not have are errors that name the field.
func Load(path string) (*kubeletv1beta1.KubeletConfiguration, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Parse is Load for what a file says.
func Parse(text []byte) (*kubeletv1beta1.KubeletConfiguration, error) {
	c := &kubeletv1beta1.KubeletConfiguration{}
	if err := yaml.UnmarshalStrict(text, c); err != nil {
		return nil, err
	}
	if got := c.GroupVersionKind(); got.GroupVersion() != kubeletv1beta1.SchemeGroupVersion || got.Kind != "KubeletConfiguration" {
		return nil, fmt.Errorf("apiVersion %q, kind %q: want %s, KubeletConfiguration", c.APIVersion, c.Kind, kubeletv1beta1.SchemeGroupVersion)
	}
	setDefaults(c)
	return c, errors.Join(append(validate(c), ignored(c)...)...)
}

// Default is the configuration of an agent that was given none.
func Default() *kubeletv1beta1.KubeletConfiguration {
	c := &kubeletv1beta1.KubeletConfiguration{}
	c.SetGroupVersionKind(kubeletv1beta1.SchemeGroupVersion.WithKind("KubeletConfiguration"))
	setDefaults(c)
	return c
}

// ignored returns an error for each field that would have no effect.
func ignored(c *kubeletv1beta1.KubeletConfiguration) []error {
	var out []error
	given, usual := reflect.ValueOf(*c), reflect.ValueOf(*Default())
	for i := range given.NumField() {
		name, _, _ := strings.Cut(given.Type().Field(i).Tag.Get("json"), ",")
		if name == "" || slices.Contains(supported, name) || reflect.DeepEqual(given.Field(i).Interface(), usual.Field(i).Interface()) {
			continue
		}
		out = append(out, fmt.Errorf("%s: this kubelet does not support it", name))
	}
	return out
}
