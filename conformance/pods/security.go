package pods

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// Bits of the sets of capabilities (capabilities(7)).
const (
	capChown          = 0
	capNetBindService = 10
	capNetAdmin       = 12
	capSysAdmin       = 21
	capSysTime        = 25
)

// nonRoot is a user that the test image knows as "nonroot", and imageGroup a group in which the image has it.
const (
	nonRoot    = 65532
	imageGroup = 50000
)

// process reads /proc/self/status of a command in the container.
func process(ctx context.Context, f *Framework, pod, container string) map[string]string {
	GinkgoHelper()
	fields := map[string]string{}
	for line := range strings.Lines(f.MustExec(ctx, pod, container, "/tool", "cat", "/proc/self/status")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields[name] = strings.TrimSpace(value)
	}
	return fields
}

// capabilities are the numbers of those in a set, such as CapBnd.
func capabilities(process map[string]string, set string) []int {
	GinkgoHelper()
	bits, err := strconv.ParseUint(process[set], 16, 64)
	Expect(err).NotTo(HaveOccurred(), "%s in %v", set, process)
	var all []int
	for i := range 64 {
		if bits&(1<<i) != 0 {
			all = append(all, i)
		}
	}
	return all
}

// secured describes a sleeping pod with the security context for its container.
func secured(name string, context *corev1.SecurityContext) *corev1.Pod {
	pod := Pod(name, "sleep", "1h")
	pod.Spec.Containers[0].SecurityContext = context
	return pod
}

func caps(names ...corev1.Capability) []corev1.Capability { return names }

var _ = Describe("what containers may do", func() {
	f := New()

	f.It("pods/run-as-user", func(ctx SpecContext) {
		pod := Pod("users", "sleep", "1h")
		pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To[int64](1001), RunAsGroup: ptr.To[int64](2001)}
		own := Container("own", "sleep", "1h")
		own.SecurityContext = &corev1.SecurityContext{RunAsUser: ptr.To[int64](1002)}
		both := Container("both", "sleep", "1h")
		both.SecurityContext = &corev1.SecurityContext{RunAsUser: ptr.To[int64](1003), RunAsGroup: ptr.To[int64](2003)}
		pod.Spec.Containers = append(pod.Spec.Containers, own, both)
		plain := Pod("plain", "sleep", "1h")
		f.Create(ctx, pod, plain)
		f.WaitPodReady(ctx, "users")
		for container, want := range map[string]string{"main": "uid=1001 gid=2001 ", "own": "uid=1002 gid=2001 ", "both": "uid=1003 gid=2003 "} {
			Expect(f.MustExec(ctx, "users", container, "/tool", "id")).To(HavePrefix(want), "container %s", container)
		}
		f.WaitPodReady(ctx, "plain")
		Expect(f.MustExec(ctx, "plain", "", "/tool", "id")).To(HavePrefix("uid=0 gid=0 "), "the image says nothing")
	})

	f.It("pods/run-as-non-root", func(ctx SpecContext) {
		watched := f.WatchPods(ctx, "")
		good := secured("good", &corev1.SecurityContext{RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](1001)})
		byImage := secured("by-image", &corev1.SecurityContext{RunAsNonRoot: ptr.To(true)})
		byNumber := Pod("by-number", "sleep", "1h")
		byNumber.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](0)}
		f.Create(ctx, good, byImage, byNumber)
		f.WaitPodReady(ctx, "good")
		refused := func(pod *corev1.Pod, message string) func([]*corev1.Pod) bool {
			return func(all []*corev1.Pod) bool {
				return len(Where(all, Is(pod), func(p *corev1.Pod) bool {
					w := Status(p, "main").State.Waiting
					return w != nil && w.Reason == "CreateContainerConfigError" && strings.Contains(w.Message, message)
				})) == 1
			}
		}
		watched.MustReach(ctx, "the container that the image runs as root waits", refused(byImage, "container has runAsNonRoot and image will run as root"))
		watched.MustReach(ctx, "the container that is told to be root waits", refused(byNumber, "container's runAsUser breaks non-root policy"))
		f.WaitEvent(ctx, byImage, "Failed")
		Expect(Where(watched.Now(), Running)).To(HaveLen(1))
	})

	f.It("pods/supplemental-groups", func(ctx SpecContext) {
		pod := Pod("groups", "sleep", "1h")
		pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To[int64](1001), RunAsGroup: ptr.To[int64](2001), SupplementalGroups: []int64{3001, 3002}}
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "groups")
		Expect(groupsOf(f.MustExec(ctx, "groups", "", "/tool", "id"))).To(ContainElements("3001", "3002"))
	})

	f.It("pods/supplemental-groups-policy", func(ctx SpecContext) {
		for policy, has := range map[corev1.SupplementalGroupsPolicy]bool{"": true, corev1.SupplementalGroupsPolicyMerge: true, corev1.SupplementalGroupsPolicyStrict: false} {
			name := "policy-" + strings.ToLower(string(policy)) + "x"
			pod := Pod(name, "sleep", "1h")
			pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To[int64](nonRoot), RunAsGroup: ptr.To[int64](nonRoot), SupplementalGroups: []int64{3001}}
			if policy != "" {
				pod.Spec.SecurityContext.SupplementalGroupsPolicy = &policy
			}
			f.Create(ctx, pod)
			status := Status(f.WaitPodReady(ctx, name), "main")
			groups := groupsOf(f.MustExec(ctx, name, "", "/tool", "id"))
			Expect(groups).To(ContainElement("3001"))
			Expect(status.User).NotTo(BeNil())
			Expect(status.User.Linux.SupplementalGroups).To(ContainElement(BeEquivalentTo(3001)))
			if has {
				Expect(groups).To(ContainElement(strconv.Itoa(imageGroup)), "the group of the image, with policy %q", policy)
				Expect(status.User.Linux.SupplementalGroups).To(ContainElement(BeEquivalentTo(imageGroup)))
			} else {
				Expect(groups).NotTo(ContainElement(strconv.Itoa(imageGroup)), "the group of the image, with policy %q", policy)
				Expect(status.User.Linux.SupplementalGroups).NotTo(ContainElement(BeEquivalentTo(imageGroup)))
			}
		}
	})

	f.It("pods/container-user", func(ctx SpecContext) {
		pod := secured("known", &corev1.SecurityContext{RunAsUser: ptr.To[int64](1001), RunAsGroup: ptr.To[int64](2001)})
		f.Create(ctx, pod)
		user := Status(f.WaitPodReady(ctx, "known"), "main").User
		Expect(user).NotTo(BeNil())
		Expect(user.Linux).NotTo(BeNil())
		Expect(user.Linux.UID).To(BeEquivalentTo(1001))
		Expect(user.Linux.GID).To(BeEquivalentTo(2001))
	})

	f.It("pods/capabilities", func(ctx SpecContext) {
		pod := secured("usual", nil)
		added, dropped, one := Container("added", "sleep", "1h"), Container("dropped", "sleep", "1h"), Container("one", "sleep", "1h")
		added.SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: caps("NET_ADMIN", "SYS_TIME")}}
		dropped.SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Drop: caps("CHOWN")}}
		one.SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Drop: caps("ALL"), Add: caps("NET_BIND_SERVICE")}}
		pod.Spec.Containers = append(pod.Spec.Containers, added, dropped, one)
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "usual")
		of := func(container string) []int { return capabilities(process(ctx, f, "usual", container), "CapEff") }
		Expect(of("main")).To(And(ContainElements(capChown, capNetBindService), Not(ContainElement(capNetAdmin)), Not(ContainElement(capSysAdmin))))
		Expect(of("added")).To(ContainElements(capChown, capNetAdmin, capSysTime))
		Expect(of("dropped")).To(And(Not(ContainElement(capChown)), ContainElement(capNetBindService)))
		Expect(of("one")).To(Equal([]int{capNetBindService}))
	})

	f.It("pods/privileged", func(ctx SpecContext) {
		pod := secured("mighty", &corev1.SecurityContext{Privileged: ptr.To(true)})
		pod.Spec.Containers = append(pod.Spec.Containers, Container("usual", "sleep", "1h"))
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "mighty")
		mighty, usual := process(ctx, f, "mighty", "main"), process(ctx, f, "mighty", "usual")
		Expect(capabilities(mighty, "CapEff")).To(ContainElements(capNetAdmin, capSysAdmin, capSysTime))
		Expect(mighty["Seccomp"]).To(Equal("0"))
		Expect(capabilities(usual, "CapEff")).NotTo(ContainElement(capSysAdmin))
		devices := strings.Fields(f.MustExec(ctx, "mighty", "main", "/tool", "ls", "/dev"))
		Expect(devices).To(ContainElement("kmsg"), "a device of the node")
		Expect(strings.Fields(f.MustExec(ctx, "mighty", "usual", "/tool", "ls", "/dev"))).NotTo(ContainElement("kmsg"))
	})

	f.It("pods/no-privilege-escalation", func(ctx SpecContext) {
		pod := Once("escalation", "sh", "cp /tool /shared/rooted; chown 0:0 /shared/rooted; chmod 4755 /shared/rooted")
		pod.Spec.InitContainers = []corev1.Container{pod.Spec.Containers[0]}
		pod.Spec.InitContainers[0].Name = "prepare"
		user := func(name string, allow bool) corev1.Container {
			c := Container(name)
			c.Command = []string{"/shared/rooted", "effective-id"}
			c.SecurityContext = &corev1.SecurityContext{RunAsUser: ptr.To[int64](1001), AllowPrivilegeEscalation: &allow}
			return c
		}
		pod.Spec.Containers = []corev1.Container{user("may", true), user("may-not", false)}
		SharedDir(&pod.Spec, "/shared")
		f.Create(ctx, pod)
		f.WaitPodSucceeded(ctx, "escalation")
		Expect(f.Logs(ctx, "escalation", corev1.PodLogOptions{Container: "may"})).To(HavePrefix("euid=0 "), "a setuid program in a container that may escalate")
		Expect(f.Logs(ctx, "escalation", corev1.PodLogOptions{Container: "may-not"})).To(HavePrefix("euid=1001 "), "the same in one that may not")
	})

	f.It("pods/security-invalid", func(ctx SpecContext) {
		for field, context := range map[string]*corev1.SecurityContext{
			"spec.containers[0].securityContext":                                 {AllowPrivilegeEscalation: ptr.To(false), Privileged: ptr.To(true)},
			"spec.containers[0].securityContext.runAsUser":                       {RunAsUser: ptr.To[int64](-1)},
			"spec.containers[0].securityContext.runAsGroup":                      {RunAsGroup: ptr.To[int64](-1)},
			"spec.containers[0].securityContext.procMount":                       {ProcMount: ptr.To(corev1.ProcMountType("Sometimes"))},
			"spec.containers[0].securityContext.seccompProfile.localhostProfile": {SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost}},
			"spec.containers[0].securityContext.seccompProfile.type":             {SeccompProfile: &corev1.SeccompProfile{Type: "Sometimes"}},
			"spec.containers[0].securityContext.appArmorProfile.type":            {AppArmorProfile: &corev1.AppArmorProfile{Type: "Sometimes"}},
		} {
			By("field " + field)
			MustBeInvalid(f.DryCreate(ctx, secured("spoilt", context)), field)
		}
		err := f.DryCreate(ctx, secured("spoilt", &corev1.SecurityContext{AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Add: caps("CAP_SYS_ADMIN")}}))
		MustBeInvalid(err, "spec.containers[0].securityContext", "CAP_SYS_ADMIN")
		for field, context := range map[string]*corev1.PodSecurityContext{
			"spec.securityContext.runAsUser":                {RunAsUser: ptr.To[int64](-1)},
			"spec.securityContext.fsGroup":                  {FSGroup: ptr.To[int64](-1)},
			"spec.securityContext.supplementalGroups[0]":    {SupplementalGroups: []int64{-1}},
			"spec.securityContext.supplementalGroupsPolicy": {SupplementalGroupsPolicy: ptr.To(corev1.SupplementalGroupsPolicy("Sometimes"))},
			"spec.securityContext.sysctls[0].name":          {Sysctls: []corev1.Sysctl{{Name: "Not A Name", Value: "1"}}},
			"spec.securityContext.sysctls[1].name":          {Sysctls: []corev1.Sysctl{{Name: "net.ipv4.tcp_syncookies", Value: "1"}, {Name: "net.ipv4.tcp_syncookies", Value: "0"}}},
		} {
			By("field " + field)
			pod := Idle()
			pod.Spec.SecurityContext = context
			MustBeInvalid(f.DryCreate(ctx, pod), field)
		}
		pod := Idle()
		pod.Spec.HostPID, pod.Spec.ShareProcessNamespace = true, ptr.To(true)
		MustRefuse(f.DryCreate(ctx, pod), 422, "shareProcessNamespace") // which was a field of the security context once
	})

	f.It("pods/read-only-root", func(ctx SpecContext) {
		pod := secured("fixed", &corev1.SecurityContext{ReadOnlyRootFilesystem: ptr.To(true)})
		SharedDir(&pod.Spec, "/shared")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("usual", "sleep", "1h"))
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "fixed")
		refused := f.Exec(ctx, "fixed", "main", "/tool", "touch", "/file")
		Expect(refused.Code).NotTo(BeZero())
		Expect(refused.Stderr).To(ContainSubstring("read-only file system"))
		f.MustExec(ctx, "fixed", "main", "/tool", "touch", "/shared/file")
		f.MustExec(ctx, "fixed", "usual", "/tool", "touch", "/file")
	})

	f.It("pods/seccomp", func(ctx SpecContext) {
		pod := Pod("filtered", "sleep", "1h")
		pod.Spec.SecurityContext = &corev1.PodSecurityContext{SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
		free := Container("free", "sleep", "1h")
		free.SecurityContext = &corev1.SecurityContext{SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}}
		pod.Spec.Containers = append(pod.Spec.Containers, free)
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "filtered")
		Expect(process(ctx, f, "filtered", "main")["Seccomp"]).To(Equal("2"), "a filter is on")
		Expect(process(ctx, f, "filtered", "free")["Seccomp"]).To(Equal("0"), "no filter is on")
	})

	f.It("pods/seccomp-missing", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "lacks")
		pod := secured("lacks", &corev1.SecurityContext{SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: ptr.To("none-such/" + f.Namespace + ".json")}})
		f.Create(ctx, pod)
		watched.MustReach(ctx, "it waits", one(func(p *corev1.Pod) bool {
			return WaitingReason(p, "main") == "CreateContainerError" || WaitingReason(p, "main") == "RunContainerError"
		}))
		watched.MustNever(ctx, "it runs", one(Ready), Quiet)
	})

	f.It("pods/apparmor-missing", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "lacks")
		f.Create(ctx, secured("lacks", &corev1.SecurityContext{AppArmorProfile: &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeLocalhost, LocalhostProfile: ptr.To("none-such-" + f.Namespace)}}))
		watched.MustReach(ctx, "the node rejects it, or its container waits", one(func(p *corev1.Pod) bool {
			return p.Status.Phase == corev1.PodFailed && p.Status.Reason == "AppArmor" || strings.HasSuffix(WaitingReason(p, "main"), "Error")
		}))
		watched.MustNever(ctx, "it runs", one(Ready), Quiet)
	})

	f.It("pods/proc-mount", func(ctx SpecContext) {
		pod := secured("masked", &corev1.SecurityContext{ProcMount: ptr.To(corev1.DefaultProcMount)})
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "masked")
		for _, file := range []string{"/proc/kcore", "/proc/keys", "/proc/timer_list"} {
			got := f.Exec(ctx, "masked", "", "/tool", "cat", file) // a kernel may lack one
			Expect(got.Stdout).To(BeEmpty(), "what of the node is in %s", file)
		}
		refused := f.Exec(ctx, "masked", "", "/tool", "write", "/proc/sys/kernel/domainname", "mine")
		Expect(refused.Code).NotTo(BeZero(), "the node's settings can be written")
		MustBeInvalid(f.DryCreate(ctx, secured("bare", &corev1.SecurityContext{ProcMount: ptr.To(corev1.UnmaskedProcMount)})), "spec.containers[0].securityContext.procMount", "hostUsers")
	})
})

// groupsOf reads the groups of what `tool id` printed.
func groupsOf(id string) []string {
	_, groups, _ := strings.Cut(strings.TrimSpace(id), "groups=")
	return strings.Split(groups, ",")
}

var _ = Describe("sysctls", func() {
	f := New()

	with := func(name, sysctl, value string) *corev1.Pod {
		pod := Pod(name, "sleep", "1h")
		pod.Spec.SecurityContext = &corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: sysctl, Value: value}}}
		return pod
	}

	f.It("pods/sysctls", func(ctx SpecContext) {
		f.Create(ctx, with("set", "net.ipv4.ip_local_port_range", "20000 20999"), with("slashed", "kernel/shm_rmid_forced", "1"), Pod("unset", "sleep", "1h"))
		for _, name := range []string{"set", "slashed", "unset"} {
			f.WaitPodReady(ctx, name)
		}
		ports := func(pod string) []string {
			return strings.Fields(f.MustExec(ctx, pod, "", "/tool", "cat", "/proc/sys/net/ipv4/ip_local_port_range"))
		}
		Expect(ports("set")).To(Equal([]string{"20000", "20999"}))
		Expect(ports("unset")).NotTo(Equal([]string{"20000", "20999"}), "of another pod")
		Expect(f.MustExec(ctx, "slashed", "", "/tool", "cat", "/proc/sys/kernel/shm_rmid_forced")).To(Equal("1"))
	})

	f.It("pods/sysctls-unsafe", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "unsafe")
		pod := with("unsafe", "kernel.msgmax", "65536")
		f.Create(ctx, pod)
		failed := watched.MustReach(ctx, "the node rejects it", one(func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodFailed }))[0]
		Expect(failed.Status.Reason).To(Equal("SysctlForbidden"))
		Expect(failed.Status.Message).To(ContainSubstring("forbidden sysctl: \"kernel.msgmax\" not allowlisted"))
		Expect(f.WaitEvent(ctx, pod, "SysctlForbidden").Message).To(ContainSubstring("kernel.msgmax"))
		Expect(begun(failed, "main")).To(BeFalse(), "its container was started")
	})

	f.It("pods/sysctls-invalid", func(ctx SpecContext) {
		for field, spoil := range map[string]func(*corev1.Pod){
			"hostNetwork": func(p *corev1.Pod) {
				p.Spec.HostNetwork, p.Spec.SecurityContext.Sysctls[0].Name = true, "net.ipv4.tcp_syncookies"
			},
			"hostIPC": func(p *corev1.Pod) {
				p.Spec.HostIPC, p.Spec.SecurityContext.Sysctls[0].Name = true, "kernel.shm_rmid_forced"
			},
		} {
			pod := with("spoilt", "x.y", "1")
			spoil(pod)
			MustBeInvalid(f.DryCreate(ctx, pod), "spec.securityContext.sysctls[0].name", fmt.Sprintf("may not be specified when '%s' is true", field))
		}
	})
})
