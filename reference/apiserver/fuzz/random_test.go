package fuzz_test

import (
	"encoding/json"
	"math/rand"
	"testing"

	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/resource"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"

	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
)

// words are strings that rules tell apart; random ones are nearly always just wrong.
var words = []string{
	"", "a", "A", "*", "*/*", "a.b", "-", "a/b", "/", "/a", "/a/../b", "..", "..data", "$(A)", "é", "\u0000", "a,b", "a=b", "%", "100%", "101%", "-1", "0", "1", "65536",
	"10.0.0.1", "010.0.0.1", "10.0.0.0/8", "fd00::1", "::ffff:10.0.0.1", "fd00::/64", "a.example.com", "*.example.com", "example.com/a", "kubernetes.io/a",
	"https://example.com/", "true", "True", "False", "Unknown", "object.x == 1", "((", "Local", "TZ=UTC * * * * *", "* * * * *", "@every 1s",
	"TCP", "UDP", "SCTP", "IPv4", "IPv6", "FQDN", "None", "ClusterIP", "NodePort", "LoadBalancer", "ExternalName", "SingleStack", "RequireDualStack",
	"Always", "Never", "OnFailure", "IfNotPresent", "Exists", "In", "NotIn", "Gt", "DoesNotExist", "Equal", "NoSchedule", "NoExecute", "Delete", "Retain", "Recycle",
	"RollingUpdate", "Recreate", "OnDelete", "Parallel", "OrderedReady", "Indexed", "NonIndexed", "FailJob", "FailIndex", "Ignore", "Count", "Failed", "Complete",
	"TerminatingOrFailed", "Resource", "Pods", "Object", "External", "ContainerResource", "Utilization", "Value", "AverageValue", "Percent", "Max", "Disabled",
	"Queue", "Reject", "Limited", "Exempt", "ByUser", "User", "Group", "ServiceAccount", "Role", "ClusterRole", "Node", "Exact", "Prefix", "ImplementationSpecific",
	"Fail", "Deny", "Warn", "Audit", "Equivalent", "NoneOnDryRun", "ApplyConfiguration", "JSONPatch", "CREATE", "Namespaced", "Cluster", "Namespace", "Ingress", "Egress",
	"ReadWriteOnce", "ReadOnlyMany", "ReadWriteOncePod", "Block", "Filesystem", "Immediate", "WaitForFirstConsumer", "Localhost", "RuntimeDefault", "cpu", "memory",
	"hugepages-2Mi", "example.com/gpu", "kubernetes.io/tls", "kubernetes.io/dockerconfigjson", "bootstrap.kubernetes.io/token", "client auth", "Approved", "Denied",
}

func word(c randfill.Continue) string {
	if c.Intn(4) == 0 {
		return c.String(16)
	}
	return words[c.Intn(len(words))]
}

// numbers are those at which rules and number formats turn.
var numbers = []int64{-1 << 63, -1 << 31, -1, 0, 1, 2, 10, 63, 64, 100, 101, 255, 1024, 3600, 65535, 65536, 1<<31 - 1, 1 << 31, 1<<53 + 1, 1<<63 - 1}

// filler fills objects; absent is how often a pointer, list or map is left out.
func filler(seed int64, absent float64) *randfill.Filler {
	funcs := fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, func(serializer.CodecFactory) []any {
		return []any{
			func(s *string, c randfill.Continue) { *s = word(c) },
			func(n *int32, c randfill.Continue) { *n = int32(numbers[c.Intn(len(numbers))]) },
			func(n *int64, c randfill.Continue) { *n = numbers[c.Intn(len(numbers))] },
			func(q *resource.Quantity, c randfill.Continue) {
				*q = *resource.NewMilliQuantity(c.Int63n(1<<40)-1<<20, resource.DecimalSI)
			},
			func(i *intstr.IntOrString, c randfill.Continue) {
				*i = intstr.FromInt32(int32(numbers[c.Intn(len(numbers))]))
				if c.Bool() {
					*i = intstr.FromString(word(c))
				}
			},
			func(s *metav1.LabelSelector, c randfill.Continue) { c.FillNoCustom(s) },
			func(r *runtime.RawExtension, c randfill.Continue) { r.Raw = []byte(`{"a":{"b":[1,"c",null]}}`) },
		}
	})
	return fuzzer.FuzzerFor(funcs, rand.NewSource(seed), scheme.Codecs).NilChance(absent).NumElements(0, 3)
}

// random is an object of the kind with random content, as JSON.
func random(tb testing.TB, k *kind, r *rand.Rand) []byte {
	tb.Helper()
	o, err := scheme.Scheme.New(k.GroupVersionKind)
	if err != nil {
		tb.Fatal(err)
	}
	filler(r.Int63(), r.Float64()).Fill(o)
	o.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind)
	data, err := json.Marshal(o)
	if err != nil {
		tb.Fatalf("%s: %v", k, err)
	}
	return data
}

func encode(tb testing.TB, root map[string]any) []byte {
	tb.Helper()
	data, err := json.Marshal(root)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}
