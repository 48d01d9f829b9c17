package server

import (
	"context"
	"net"
	"net/netip"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

// kubernetesService is the Service, in the namespace default, by which pods reach the API.
const kubernetesService = "kubernetes"

// ensureKubernetesService creates the Service, with the first address of the range, and points it
// at this server. The Service has no selector: its endpoints are the servers' own to keep.
func (b *builtInServer) ensureKubernetesService(ctx context.Context, client kubernetes.Interface) error {
	address, port, err := b.advertised()
	if err != nil {
		return err
	}
	ranges, err := b.options.serviceRanges()
	if err != nil {
		return err
	}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Name: kubernetesService, Namespace: metav1.NamespaceDefault,
			Labels: map[string]string{"component": "apiserver", "provider": "kubernetes"},
		},
		Spec: corev1.ServiceSpec{
			ClusterIP: ranges[0].Addr().Next().String(),
			Type:      corev1.ServiceTypeClusterIP,
			Ports:     []corev1.ServicePort{{Name: "https", Port: 443, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(port)}},
		},
	}
	if _, err := client.CoreV1().Services(service.Namespace).Create(ctx, service, metav1.CreateOptions{}); unlessExists(err) != nil {
		return err
	}
	if address.IsLoopback() {
		klog.FromContext(ctx).Info("Listening on loopback only: the Service default/kubernetes has no endpoints; see --advertise-address")
		return nil
	}
	if err := ensureEndpointSlice(ctx, client, address, port); err != nil {
		return err
	}
	return ensureEndpoints(ctx, client, address, port)
}

// advertised is where pods reach this server.
func (b *builtInServer) advertised() (netip.Addr, int32, error) {
	host, portText, err := net.SplitHostPort(b.externalAddress)
	if err != nil {
		return netip.Addr{}, 0, err
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, 0, err
	}
	port, err := strconv.ParseInt(portText, 10, 32)
	return address, int32(port), err
}

func ensureEndpointSlice(ctx context.Context, client kubernetes.Interface, address netip.Addr, port int32) error {
	api := client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault)
	want := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name: kubernetesService, Namespace: metav1.NamespaceDefault,
			Labels: map[string]string{discoveryv1.LabelServiceName: kubernetesService},
		},
		AddressType: addressType(address),
		Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{address.String()}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
		}},
		Ports: []discoveryv1.EndpointPort{{Name: ptr.To("https"), Protocol: ptr.To(corev1.ProtocolTCP), Port: &port}},
	}
	got, err := api.Get(ctx, want.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = api.Create(ctx, want, metav1.CreateOptions{})
		return err
	}
	if err != nil || equality.Semantic.DeepEqual(got.Endpoints, want.Endpoints) && equality.Semantic.DeepEqual(got.Ports, want.Ports) {
		return err
	}
	got.Endpoints, got.Ports = want.Endpoints, want.Ports
	_, err = api.Update(ctx, got, metav1.UpdateOptions{})
	return err
}

func addressType(address netip.Addr) discoveryv1.AddressType {
	if address.Is6() {
		return discoveryv1.AddressTypeIPv6
	}
	return discoveryv1.AddressTypeIPv4
}

// ensureEndpoints keeps the deprecated view of the same, which older clients read.
func ensureEndpoints(ctx context.Context, client kubernetes.Interface, address netip.Addr, port int32) error {
	api := client.CoreV1().Endpoints(metav1.NamespaceDefault)
	want := &corev1.Endpoints{ //nolint:staticcheck // deprecated, and still served
		ObjectMeta: metav1.ObjectMeta{
			Name: kubernetesService, Namespace: metav1.NamespaceDefault,
			Labels: map[string]string{discoveryv1.LabelSkipMirror: "true"},
		},
		Subsets: []corev1.EndpointSubset{{ //nolint:staticcheck // likewise
			Addresses: []corev1.EndpointAddress{{IP: address.String()}},
			Ports:     []corev1.EndpointPort{{Name: "https", Port: port, Protocol: corev1.ProtocolTCP}},
		}},
	}
	got, err := api.Get(ctx, want.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = api.Create(ctx, want, metav1.CreateOptions{})
		return err
	}
	if err != nil || equality.Semantic.DeepEqual(got.Subsets, want.Subsets) {
		return err
	}
	got.Subsets = want.Subsets
	_, err = api.Update(ctx, got, metav1.UpdateOptions{})
	return err
}
