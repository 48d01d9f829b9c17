package validation_test

import (
	"testing"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

func TestPodOS(t *testing.T) {
	manifests(t, validation.Pod, [][2]string{
		{podOf(`os: {name: linux}`), ``},
		{podOf(`os: {name: windows}`), ``},
		{podOf(`os: {}`), `spec.os.name: Required value: cannot be empty`},
		{podOf(`os: {name: plan9}`), `spec.os.name: Unsupported value: "plan9": supported values: "linux", "windows"`},
		{podOf(`os: {name: linux}, securityContext: {windowsOptions: {runAsUserName: a}}`),
			`spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod`},
		{podOf(`os: {name: linux}, initContainers: [{name: a, image: i, securityContext: {windowsOptions: {}}}]`),
			`spec.initContainers[0].securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod`},
		{podOf(`os: {name: windows}, hostUsers: true, hostPID: true, hostIPC: true, shareProcessNamespace: false`),
			`[spec.hostUsers: Forbidden: cannot be set for a windows pod, spec.hostPID: Forbidden: cannot be set for a windows pod, spec.hostIPC: Forbidden: cannot be set for a windows pod, spec.shareProcessNamespace: Forbidden: cannot be set for a windows pod]`},
		{podOf(`os: {name: windows}, resources: {limits: {cpu: 1}}`), `spec.resources: Forbidden: cannot be set for a windows pod`},
		{podOf(`os: {name: windows}, securityContext: {appArmorProfile: {type: Unconfined}, seLinuxOptions: {}, seccompProfile: {type: Unconfined}, fsGroup: 1, fsGroupChangePolicy: Always}`),
			`[spec.securityContext.appArmorProfile: Forbidden: cannot be set for a windows pod, spec.securityContext.seLinuxOptions: Forbidden: cannot be set for a windows pod, spec.securityContext.seccompProfile: Forbidden: cannot be set for a windows pod, spec.securityContext.fsGroup: Forbidden: cannot be set for a windows pod, spec.securityContext.fsGroupChangePolicy: Forbidden: cannot be set for a windows pod]`},
		{podOf(`os: {name: windows}, securityContext: {sysctls: [{name: a.b, value: c}], runAsUser: 1, runAsGroup: 1, supplementalGroups: [1], supplementalGroupsPolicy: Merge, seLinuxChangePolicy: Recursive}`),
			`[spec.securityContext.sysctls: Forbidden: cannot be set for a windows pod, spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod, spec.securityContext.runAsGroup: Forbidden: cannot be set for a windows pod, spec.securityContext.supplementalGroups: Forbidden: cannot be set for a windows pod, spec.securityContext.supplementalGroupsPolicy: Forbidden: cannot be set for a windows pod, spec.securityContext.seLinuxChangePolicy: Forbidden: cannot be set for a windows pod]`},
		{`{metadata: {name: web, namespace: default}, spec: {os: {name: windows}, hostUsers: null, containers: [{name: c, image: i, securityContext: {capabilities: {}, readOnlyRootFilesystem: true, privileged: false, allowPrivilegeEscalation: true, procMount: Default, runAsUser: 1, runAsGroup: 1}}]}}`,
			`[spec.containers[0].securityContext.capabilities: Forbidden: cannot be set for a windows pod, spec.containers[0].securityContext.readOnlyRootFilesystem: Forbidden: cannot be set for a windows pod, spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod, spec.containers[0].securityContext.allowPrivilegeEscalation: Forbidden: cannot be set for a windows pod, spec.containers[0].securityContext.procMount: Forbidden: cannot be set for a windows pod, spec.containers[0].securityContext.runAsUser: Forbidden: cannot be set for a windows pod, spec.containers[0].securityContext.runAsGroup: Forbidden: cannot be set for a windows pod]`},
	})
}

func TestWindowsOptions(t *testing.T) {
	user := func(name, why string) [2]string {
		pair := [2]string{podOf(`securityContext: {windowsOptions: {runAsUserName: '` + name + `'}}`), ``}
		if why != "" {
			pair[1] = "spec.securityContext.windowsOptions.runAsUserName: " + why
		}
		return pair
	}
	manifests(t, validation.Pod, [][2]string{
		user(`ContainerUser`, ``),
		user(`NT AUTHORITY\NETWORK SERVICE`, ``),
		user(`corp.example.com\jane`, ``),
		user(``, `Invalid value: "": runAsUserName cannot be an empty string`),
		user(`a\b\c`, `Invalid value: "a\\b\\c": runAsUserName cannot contain more than one backslash`),
		user(`a\`, `Invalid value: "a\\": runAsUserName's User cannot be empty`),
		user(`.\a`, `Invalid value: ".\\a": runAsUserName's Domain doesn't match the NetBIOS nor the DNS format`),
		user(`...`, `Invalid value: "...": runAsUserName's User cannot contain only periods or spaces`),
		user(`a@b`, `Invalid value: "a@b": runAsUserName's User cannot contain the following characters: "/\:;|=,+*?<>@[]`),
		{podOf(`securityContext: {windowsOptions: {gmsaCredentialSpecName: A}}`),
			`spec.securityContext.windowsOptions.gmsaCredentialSpecName: Invalid value: "A": a lowercase RFC 1123 subdomain…`},
		{podWith(`securityContext: {windowsOptions: {gmsaCredentialSpec: ""}}`),
			`spec.containers[0].securityContext.windowsOptions.gmsaCredentialSpec: Invalid value: "": gmsaCredentialSpec cannot be an empty string`},
	})
}

func TestHostProcess(t *testing.T) {
	manifests(t, validation.Pod, [][2]string{
		{podOf(`hostNetwork: true, securityContext: {windowsOptions: {hostProcess: true}}`), ``},
		{podOf(`securityContext: {windowsOptions: {hostProcess: true}}`),
			`spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers`},
		{podOf(`hostNetwork: true, initContainers: [{name: a, image: i, securityContext: {windowsOptions: {hostProcess: true}}}]`),
			`spec: Invalid value: "": If pod contains any hostProcess containers then all containers must be HostProcess containers`},
		{`{metadata: {name: web, namespace: default}, spec: {hostNetwork: true, securityContext: {windowsOptions: {hostProcess: true}}, containers: [{name: c, image: i, securityContext: {windowsOptions: {hostProcess: false}}}]}}`,
			`spec.containers[0].securityContext.windowsOptions.hostProcess: Invalid value: false: pod hostProcess value must be identical if both are specified, was true`},
	})
}

func TestHostUsers(t *testing.T) {
	manifests(t, validation.Pod, [][2]string{
		{podOf(`hostUsers: false`), ``},
		{podOf(`hostUsers: true, hostPID: true`), ``},
		{podOf(`hostUsers: false, hostNetwork: true, hostPID: true, hostIPC: true`),
			"[spec.hostNetwork: Forbidden: when `hostUsers` is false, spec.HostPID: Forbidden: when `hostUsers` is false, spec.HostIPC: Forbidden: when `hostUsers` is false]"},
		{podWith(`securityContext: {procMount: Unmasked}`),
			"spec.containers[0].securityContext.procMount: Invalid value: \"Unmasked\": `hostUsers` must be false to use `Unmasked`"},
	})
}
