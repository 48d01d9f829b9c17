package core

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/allocator"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/registrytest"
)

// services drives the services resource as its handlers do.
type services struct {
	t    *testing.T
	rest *serviceREST
	ctx  context.Context
}

func newServices(t *testing.T) services {
	s, _ := newStorage(t)
	return services{t, s.Map["services"].(*serviceREST), registrytest.In("default")}
}

func service(name string, kind corev1.ServiceType, change ...func(*corev1.Service)) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec: corev1.ServiceSpec{Type: kind, Selector: map[string]string{"app": name},
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(80)}}},
	}
	for _, c := range change {
		c(s)
	}
	return defaulted(s)
}

func (s services) create(svc *corev1.Service) (*corev1.Service, error) {
	obj, err := s.rest.Create(s.ctx, svc, rest.ValidateAllObjectFunc, &metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	return obj.(*corev1.Service), nil
}

func (s services) mustCreate(svc *corev1.Service) *corev1.Service {
	s.t.Helper()
	out, err := s.create(svc)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s services) update(name string, change func(*corev1.Service)) (*corev1.Service, error) {
	info := rest.DefaultUpdatedObjectInfo(nil, func(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
		svc := old.DeepCopyObject().(*corev1.Service)
		if svc.ResourceVersion == "" {
			return nil, apierrors.NewNotFound(corev1.Resource("services"), name)
		}
		change(svc)
		return defaulted(svc), nil
	})
	obj, _, err := s.rest.Update(s.ctx, name, info, rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false, &metav1.UpdateOptions{})
	if err != nil {
		return nil, err
	}
	return obj.(*corev1.Service), nil
}

func (s services) delete(name string) {
	s.t.Helper()
	if _, _, err := s.rest.Delete(s.ctx, name, rest.ValidateAllObjectFunc, &metav1.DeleteOptions{}); err != nil {
		s.t.Fatal(err)
	}
}

func withIP(ip string) func(*corev1.Service) {
	return func(s *corev1.Service) { s.Spec.ClusterIP = ip }
}

func withNodePort(port int32) func(*corev1.Service) {
	return func(s *corev1.Service) { s.Spec.Ports[0].NodePort = port }
}

func invalid(t *testing.T, err error, want string) {
	t.Helper()
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want Invalid with %q", err, want)
	}
}

func TestServiceGetsAddressAndReleasesIt(t *testing.T) {
	s := newServices(t)
	a := s.mustCreate(service("a", corev1.ServiceTypeClusterIP))
	if a.Spec.ClusterIP == "" || len(a.Spec.ClusterIPs) != 1 || a.Spec.ClusterIPs[0] != a.Spec.ClusterIP ||
		a.Spec.IPFamilies[0] != corev1.IPv4Protocol || *a.Spec.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack {
		t.Fatalf("allocated: %+v", a.Spec)
	}
	_, err := s.create(service("b", corev1.ServiceTypeClusterIP, withIP(a.Spec.ClusterIP)))
	invalid(t, err, fmt.Sprintf("spec.clusterIPs: Invalid value: [%q]: failed to allocate IP %s: provided IP is already allocated", a.Spec.ClusterIP, a.Spec.ClusterIP))
	_, err = s.create(service("b", corev1.ServiceTypeClusterIP, withIP("10.1.0.1")))
	invalid(t, err, "failed to allocate IP 10.1.0.1: the provided network does not match the current range")

	s.delete("a")
	s.mustCreate(service("b", corev1.ServiceTypeClusterIP, withIP(a.Spec.ClusterIP)))
}

// Found by fuzzing: the address of such a Service has no holder, which was told as an internal error.
func TestServiceNameThatNothingCanHave(t *testing.T) {
	s := newServices(t)
	for _, name := range []string{"101%", "a/b", ".."} {
		_, err := s.create(service(name, corev1.ServiceTypeClusterIP))
		invalid(t, err, "metadata.name")
	}
}

// A second create of the same name says so, and does not cost the first its address.
func TestServiceExists(t *testing.T) {
	s := newServices(t)
	a := s.mustCreate(service("a", corev1.ServiceTypeNodePort, withIP("10.0.0.1"), withNodePort(30001)))
	if _, err := s.create(service("a", corev1.ServiceTypeNodePort, withIP("10.0.0.1"), withNodePort(30001))); !apierrors.IsAlreadyExists(err) {
		t.Fatalf("a second create: %v", err)
	}
	_, err := s.create(service("b", corev1.ServiceTypeClusterIP, withIP(a.Spec.ClusterIP)))
	invalid(t, err, "provided IP is already allocated")
	_, err = s.create(service("b", corev1.ServiceTypeNodePort, withNodePort(30001)))
	invalid(t, err, "provided port is already allocated")
}

func TestServiceNodePorts(t *testing.T) {
	s := newServices(t)
	a := s.mustCreate(service("a", corev1.ServiceTypeNodePort))
	port := a.Spec.Ports[0].NodePort
	if port < 30000 || port > 30005 {
		t.Fatalf("node port %d", port)
	}
	_, err := s.create(service("b", corev1.ServiceTypeNodePort, withNodePort(port)))
	invalid(t, err, fmt.Sprintf("spec.ports[0].nodePort: Invalid value: %d: provided port is already allocated", port))
	_, err = s.create(service("b", corev1.ServiceTypeNodePort, withNodePort(34140)))
	invalid(t, err, "spec.ports[0].nodePort: Invalid value: 34140: provided port is not in the valid range. The range of valid ports is 30000-30005")

	// What the refused attempts took besides is free again: all other addresses and ports can be had.
	for i := range 5 {
		s.mustCreate(service(fmt.Sprintf("other-%d", i), corev1.ServiceTypeNodePort))
	}
	if _, err := s.create(service("b", corev1.ServiceTypeNodePort)); !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), "range is full") {
		t.Errorf("a full range: %v", err)
	}

	if a, err = s.update("a", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP }); err != nil {
		t.Fatal(err)
	}
	if a.Spec.Ports[0].NodePort != 0 {
		t.Errorf("a ClusterIP Service has node port %d", a.Spec.Ports[0].NodePort)
	}
	s.mustCreate(service("b", corev1.ServiceTypeNodePort, withNodePort(port)))
}

// The ports of two protocols of one service share a node port.
func TestServiceNodePortOfTwoProtocols(t *testing.T) {
	s := newServices(t)
	dns := s.mustCreate(service("dns", corev1.ServiceTypeNodePort, func(s *corev1.Service) {
		s.Spec.Ports = []corev1.ServicePort{
			{Name: "udp", Port: 53, Protocol: corev1.ProtocolUDP, TargetPort: intstr.FromInt32(53)},
			{Name: "tcp", Port: 53, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(53)},
		}
	}))
	if a, b := dns.Spec.Ports[0].NodePort, dns.Spec.Ports[1].NodePort; a != b || a == 0 {
		t.Errorf("node ports %d and %d", a, b)
	}
}

func TestServiceUpdateChangesNodePort(t *testing.T) {
	s := newServices(t)
	s.mustCreate(service("a", corev1.ServiceTypeNodePort, withNodePort(30001)))
	s.mustCreate(service("b", corev1.ServiceTypeNodePort, withNodePort(30002)))
	_, err := s.update("a", withNodePort(30002))
	invalid(t, err, "provided port is already allocated")
	if _, err := s.update("a", withNodePort(30003)); err != nil {
		t.Fatal(err)
	}
	s.mustCreate(service("c", corev1.ServiceTypeNodePort, withNodePort(30001)))
	_, err = s.create(service("d", corev1.ServiceTypeNodePort, withNodePort(30003)))
	invalid(t, err, "provided port is already allocated")
}

func TestServiceToExternalNameAndBack(t *testing.T) {
	s := newServices(t)
	a := s.mustCreate(service("a", corev1.ServiceTypeClusterIP, withIP("10.0.0.9")))
	out, err := s.update("a", func(s *corev1.Service) {
		s.Spec.Type, s.Spec.ExternalName = corev1.ServiceTypeExternalName, "db.example"
	})
	if err != nil || out.Spec.ClusterIP != "" || out.Spec.IPFamilies != nil {
		t.Fatalf("to ExternalName: %v %+v", err, out)
	}
	s.mustCreate(service("b", corev1.ServiceTypeClusterIP, withIP(a.Spec.ClusterIP)))
	if out, err = s.update("a", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP }); err != nil || out.Spec.ClusterIP == "" || out.Spec.ExternalName != "" {
		t.Fatalf("and back: %v %+v", err, out)
	}
}

// A dry run looks, and takes nothing.
func TestServiceDryRun(t *testing.T) {
	s := newServices(t)
	dry := &metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	obj, err := s.rest.Create(s.ctx, service("a", corev1.ServiceTypeNodePort, withIP("10.0.0.9"), withNodePort(30001)), rest.ValidateAllObjectFunc, dry)
	if err != nil || obj.(*corev1.Service).Spec.ClusterIP != "10.0.0.9" {
		t.Fatalf("%v %v", obj, err)
	}
	s.mustCreate(service("b", corev1.ServiceTypeNodePort, withIP("10.0.0.9"), withNodePort(30001)))
	_, err = s.rest.Create(s.ctx, service("a", corev1.ServiceTypeClusterIP, withIP("10.0.0.9")), rest.ValidateAllObjectFunc, dry)
	invalid(t, err, "provided IP is already allocated")
}

// What is wrong with a Service otherwise is told in its own words, and costs no number.
func TestServiceRefusedOtherwise(t *testing.T) {
	s := newServices(t)
	_, err := s.create(service("Wrong_Name", corev1.ServiceTypeNodePort, withIP("10.0.0.9"), withNodePort(30001)))
	invalid(t, err, "metadata.name")
	_, err = s.create(service("", corev1.ServiceTypeClusterIP))
	invalid(t, err, "metadata.name")
	_, err = s.create(service("a", corev1.ServiceTypeClusterIP, withIP("nonsense")))
	invalid(t, err, "nonsense")
	s.mustCreate(service("b", corev1.ServiceTypeNodePort, withIP("10.0.0.9"), withNodePort(30001)))
}

// However creates, updates and deletes race, no number is ever held twice, and in the end what no
// Service holds is free.
func TestServicesRace(t *testing.T) {
	s := newServices(t)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 12 {
				name := fmt.Sprintf("s-%d", (worker*5+i)%6)
				switch i % 4 {
				case 0, 1:
					_, _ = s.create(service(name, corev1.ServiceTypeNodePort))
				case 2:
					_, _ = s.update(name, withNodePort(int32(30000+(worker+i)%6)))
				case 3:
					_, _, _ = s.rest.Delete(s.ctx, name, rest.ValidateAllObjectFunc, &metav1.DeleteOptions{})
				}
			}
		})
	}
	wg.Wait()
	list, err := s.rest.List(s.ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	holder := map[string]string{}
	for _, svc := range list.(*corev1.ServiceList).Items {
		for _, number := range []string{svc.Spec.ClusterIP, fmt.Sprint(svc.Spec.Ports[0].NodePort)} {
			if other := holder[number]; other != "" {
				t.Errorf("%s is held by %s and %s", number, other, svc.Name)
			}
			holder[number] = svc.Name
		}
	}
	for port := int32(30000); port <= 30005; port++ {
		_, taken := holder[fmt.Sprint(port)]
		_, err := s.create(service(fmt.Sprintf("probe-%d", port), corev1.ServiceTypeNodePort, withNodePort(port)))
		if taken != (err != nil) {
			t.Errorf("port %d: held %v, create says %v", port, taken, err)
		}
	}
}

func TestServiceRepair(t *testing.T) {
	s, _ := newStorage(t)
	ctx := registrytest.In("default")
	drive := services{t, s.Map["services"].(*serviceREST), ctx}
	a := drive.mustCreate(service("a", corev1.ServiceTypeNodePort))
	h := allocator.Holder{Namespace: "default", Name: "a"}
	if err := s.numbers.ports.Release(ctx, int(a.Spec.Ports[0].NodePort), h); err != nil {
		t.Fatal(err)
	}
	var told []string
	err := s.RepairServices(ctx, func(_ runtime.Object, reason, _, note string) { told = append(told, reason+" "+note) })
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("PortNotAllocated Port %d is not allocated; repairing", a.Spec.Ports[0].NodePort); !slices.Equal(told, []string{want}) {
		t.Errorf("told %q, want %q", told, want)
	}
	_, err = drive.create(service("b", corev1.ServiceTypeNodePort, withNodePort(a.Spec.Ports[0].NodePort)))
	invalid(t, err, "provided port is already allocated")
}
