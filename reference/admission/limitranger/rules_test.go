package limitranger

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func TestDefaults(t *testing.T) {
	r := limitRange("r", corev1.LimitRangeItem{Type: corev1.LimitTypePod, Max: list("cpu", "9")},
		corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Default: list("cpu", "500m", "memory", "1Gi"), DefaultRequest: list("cpu", "100m", "memory", "1Mi")})
	for _, c := range []struct {
		name             string
		requests, limits corev1.ResourceList
		wantRequests     corev1.ResourceList
		wantLimits       corev1.ResourceList
		annotation       string
	}{
		{name: "nothing", wantRequests: list("cpu", "100m", "memory", "1Mi"), wantLimits: list("cpu", "500m", "memory", "1Gi"),
			annotation: "LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit for container c"},
		{name: "some", requests: list("cpu", "200m"), limits: list("memory", "2Gi"), wantRequests: list("cpu", "200m", "memory", "1Mi"), wantLimits: list("cpu", "500m", "memory", "2Gi"),
			annotation: "LimitRanger plugin set: memory request for container c; cpu limit for container c"},
		{name: "zero is said", requests: list("cpu", "0", "memory", "0"), limits: list("cpu", "1", "memory", "1Gi"), wantRequests: list("cpu", "0", "memory", "0"), wantLimits: list("cpu", "1", "memory", "1Gi")},
		{name: "others stay", requests: list("example.com/gpu", "1"), wantRequests: list("example.com/gpu", "1", "cpu", "100m", "memory", "1Mi"), wantLimits: list("cpu", "500m", "memory", "1Gi"),
			annotation: "LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit for container c"},
	} {
		pod := newPod(container("c", c.requests, c.limits))
		applyDefaults(pod, r)
		got := pod.Spec.Containers[0].Resources
		if !equality.Semantic.DeepEqual(got.Requests, c.wantRequests) || !equality.Semantic.DeepEqual(got.Limits, c.wantLimits) {
			t.Errorf("%s: got %v, wanted requests %v, limits %v", c.name, got, c.wantRequests, c.wantLimits)
		}
		if pod.Annotations[Annotation] != c.annotation {
			t.Errorf("%s: annotated %q, wanted %q", c.name, pod.Annotations[Annotation], c.annotation)
		}
	}
	pod := newPod(container("a", list("cpu", "1"), nil), container("b", nil, nil))
	pod.Spec.InitContainers = []corev1.Container{container("i", nil, nil)}
	applyDefaults(pod, limitRange("r", corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, DefaultRequest: list("cpu", "1")}))
	if got, want := pod.Annotations[Annotation], "LimitRanger plugin set: cpu request for container b; cpu request for init container i"; got != want {
		t.Errorf("annotated %q, wanted %q", got, want)
	}
}

func TestBounds(t *testing.T) {
	item := func(kind corev1.LimitType, least, most, ratio corev1.ResourceList) corev1.LimitRangeItem {
		return corev1.LimitRangeItem{Type: kind, Min: least, Max: most, MaxLimitRequestRatio: ratio}
	}
	sidecar := container("s", list("cpu", "400m"), list("cpu", "400m"))
	sidecar.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	withInit := newPod(container("c", list("cpu", "300m"), list("cpu", "300m")))
	withInit.Spec.InitContainers = []corev1.Container{container("i", list("cpu", "600m"), list("cpu", "600m")), sidecar}
	withInit.Spec.Overhead = list("cpu", "5")
	podLevel := newPod(container("c", nil, nil))
	podLevel.Spec.Resources = &corev1.ResourceRequirements{Requests: list("cpu", "2"), Limits: list("cpu", "3")}
	for _, c := range []struct {
		name string
		item corev1.LimitRangeItem
		pod  *corev1.Pod
		want string
	}{
		{"inside", item(corev1.LimitTypeContainer, list("cpu", "100m"), list("cpu", "1"), list("cpu", "2")), newPod(container("c", list("cpu", "100m"), list("cpu", "200m"))), ""},
		{"no request", item(corev1.LimitTypeContainer, list("cpu", "100m"), nil, nil), newPod(container("c", nil, nil)), "minimum cpu usage per Container is 100m.  No request is specified"},
		{"request below", item(corev1.LimitTypeContainer, list("cpu", "100m"), nil, nil), newPod(container("c", list("cpu", "50m"), nil)), "minimum cpu usage per Container is 100m, but request is 50m"},
		{"limit below", item(corev1.LimitTypeContainer, list("cpu", "100m"), nil, nil), newPod(container("c", list("cpu", "100m"), list("cpu", "50m"))), "minimum cpu usage per Container is 100m, but limit is 50m"},
		{"no limit", item(corev1.LimitTypeContainer, nil, list("memory", "1Gi"), nil), newPod(container("c", nil, nil)), "maximum memory usage per Container is 1Gi.  No limit is specified"},
		{"limit above", item(corev1.LimitTypeContainer, nil, list("memory", "1Gi"), nil), newPod(container("c", nil, list("memory", "2Gi"))), "maximum memory usage per Container is 1Gi, but limit is 2Gi"},
		{"request above", item(corev1.LimitTypeContainer, nil, list("memory", "1Gi"), nil), newPod(container("c", list("memory", "2Gi"), list("memory", "1Gi"))), "maximum memory usage per Container is 1Gi, but request is 2Gi"},
		{"ratio", item(corev1.LimitTypeContainer, nil, nil, list("cpu", "2")), newPod(container("c", list("cpu", "100m"), list("cpu", "250m"))), "cpu max limit to request ratio per Container is 2, but provided ratio is 2.500000"},
		{"fractional ratio", item(corev1.LimitTypeContainer, nil, nil, list("cpu", "2200m")), newPod(container("c", list("cpu", "100m"), list("cpu", "220m"))), ""},
		{"ratio of large quantities", item(corev1.LimitTypeContainer, nil, nil, list("memory", "2")), newPod(container("c", list("memory", "1Ei"), list("memory", "3Ei"))), "memory max limit to request ratio per Container is 2, but provided ratio is 3.000000"},
		{"ratio without request", item(corev1.LimitTypeContainer, nil, nil, list("cpu", "2")), newPod(container("c", nil, list("cpu", "1"))), "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0"},
		{"ratio without limit", item(corev1.LimitTypeContainer, nil, nil, list("cpu", "2")), newPod(container("c", list("cpu", "1"), nil)), "cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0"},
		{"several", item(corev1.LimitTypeContainer, list("cpu", "100m"), list("memory", "1Gi"), nil), newPod(container("c", list("cpu", "50m"), list("memory", "2Gi"))),
			"[minimum cpu usage per Container is 100m, but request is 50m, maximum memory usage per Container is 1Gi, but limit is 2Gi]"},
		{"init container", item(corev1.LimitTypeContainer, nil, list("cpu", "500m"), nil), withInit, "maximum cpu usage per Container is 500m, but limit is 600m"},
		// 700m run together, the sidecar included; 600m before; the overhead is not the author's.
		{"pod with sidecar", item(corev1.LimitTypePod, nil, list("cpu", "650m"), nil), withInit, "maximum cpu usage per Pod is 650m, but limit is 700m"},
		{"pod at its bound", item(corev1.LimitTypePod, list("cpu", "700m"), list("cpu", "700m"), list("cpu", "1")), withInit, ""},
		{"pod-level resources", item(corev1.LimitTypePod, list("cpu", "2500m"), list("cpu", "2500m"), nil), podLevel,
			"[minimum cpu usage per Pod is 2500m, but request is 2, maximum cpu usage per Pod is 2500m, but limit is 3]"},
		{"another type", item("Unknown", list("cpu", "9"), nil, nil), newPod(container("c", nil, nil)), ""},
	} {
		got := ""
		if err := utilerrors.NewAggregate(podViolations(limitRange("r", c.item), c.pod)); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestClaims(t *testing.T) {
	r := limitRange("r", corev1.LimitRangeItem{Type: corev1.LimitTypePersistentVolumeClaim, Min: list("storage", "1Gi"), Max: list("storage", "5Gi")})
	for request, want := range map[string]string{
		"":    "[minimum storage usage per PersistentVolumeClaim is 1Gi.  No request is specified, maximum storage usage per PersistentVolumeClaim is 5Gi.  No request is specified]",
		"1Mi": "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi",
		"1Gi": "", "5Gi": "",
		"6Gi": "maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 6Gi",
	} {
		claim := newClaim(nil)
		if request != "" {
			claim.Spec.Resources.Requests = list("storage", request)
		}
		got := ""
		if err := utilerrors.NewAggregate(claimViolations(r, claim)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("request %q: got %q, wanted %q", request, got, want)
		}
	}
}

var someNames = []string{"cpu", "memory", "example.com/gpu"}

// drawList draws quantities in thousandths; some resources are left out.
func drawList(t *rapid.T, label string) (corev1.ResourceList, map[string]int64) {
	l, milli := corev1.ResourceList{}, map[string]int64{}
	for _, name := range someNames {
		if v := rapid.Int64Range(-1, 4).Draw(t, label+" "+name); v >= 0 {
			milli[name] = v * 500
			l[corev1.ResourceName(name)] = *resource.NewMilliQuantity(v*500, resource.DecimalSI)
		}
	}
	return l, milli
}

// Defaults fill gaps, and only those: what was said stays, what has a default is said, and a second
// time changes nothing.
func TestDefaultsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		requests, _ := drawList(t, "requests")
		limits, _ := drawList(t, "limits")
		defaultRequests, _ := drawList(t, "default requests")
		defaultLimits, _ := drawList(t, "default limits")
		r := limitRange("r", corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Default: defaultLimits, DefaultRequest: defaultRequests})
		pod := newPod(container("c", maps.Clone(requests), maps.Clone(limits)))
		applyDefaults(pod, r)
		filled := pod.Spec.Containers[0].Resources
		for _, c := range []struct{ said, byDefault, got corev1.ResourceList }{{requests, defaultRequests, filled.Requests}, {limits, defaultLimits, filled.Limits}} {
			want := maps.Clone(c.byDefault)
			maps.Copy(want, c.said)
			if len(want)+len(c.got) > 0 && !equality.Semantic.DeepEqual(c.got, want) {
				t.Fatalf("said %v, default %v, got %v", c.said, c.byDefault, c.got)
			}
		}
		again := pod.DeepCopy()
		applyDefaults(again, r)
		if !equality.Semantic.DeepEqual(again, pod) {
			t.Fatalf("a second time changed %v to %v", pod, again)
		}
	})
}

// A container is let through exactly if every bound of every resource holds, reckoned here with
// whole thousandths.
func TestBoundsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		requestList, requests := drawList(t, "requests")
		limitList, limits := drawList(t, "limits")
		leastList, least := drawList(t, "min")
		mostList, most := drawList(t, "max")
		ratioList, ratios := drawList(t, "ratio")
		holds := true
		for name, bound := range least {
			request, ok := requests[name]
			limit, limited := limits[name]
			holds = holds && ok && request >= bound && (!limited || limit >= bound)
		}
		for name, bound := range most {
			limit, ok := limits[name]
			holds = holds && ok && limit <= bound && requests[name] <= bound
		}
		for name, bound := range ratios {
			holds = holds && requests[name] > 0 && limits[name] > 0 && limits[name]*1000 <= bound*requests[name]
		}
		r := limitRange("r", corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Min: leastList, Max: mostList, MaxLimitRequestRatio: ratioList})
		errs := podViolations(r, newPod(container("c", requestList, limitList)))
		if (len(errs) == 0) != holds {
			t.Fatalf("request %v, limit %v, min %v, max %v, ratio %v: got %v, wanted it let through: %t", requests, limits, least, most, ratios, errs, holds)
		}
	})
}
