package server

import (
	"context"
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

// ensureServiceCIDR publishes the ranges of cluster IPs as the ServiceCIDR kubernetes, which is ready.
func (b *builtInServer) ensureServiceCIDR(ctx context.Context, client kubernetes.Interface) error {
	ranges, err := b.options.serviceRanges()
	if err != nil {
		return err
	}
	api := client.NetworkingV1().ServiceCIDRs()
	have, err := api.Get(ctx, kubernetesService, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		have, err = api.Create(ctx, &networkingv1.ServiceCIDR{
			ObjectMeta: metav1.ObjectMeta{Name: kubernetesService},
			Spec:       networkingv1.ServiceCIDRSpec{CIDRs: texts(ranges)},
		}, metav1.CreateOptions{})
	}
	if err != nil {
		return err
	}
	switch want := texts(ranges); {
	case slices.Equal(have.Spec.CIDRs, want):
	case len(have.Spec.CIDRs) == 1 && len(want) == 2 && have.Spec.CIDRs[0] == want[0]: // the cluster became dual-stack
		have.Spec.CIDRs = want
		if have, err = api.Update(ctx, have, metav1.UpdateOptions{}); err != nil {
			return err
		}
	default:
		klog.FromContext(ctx).Info("The default ServiceCIDR differs from --service-cluster-ip-range", "servicecidr", have.Spec.CIDRs, "flag", want)
	}
	if have.DeletionTimestamp != nil || !meta.SetStatusCondition(&have.Status.Conditions, metav1.Condition{
		Type: networkingv1.ServiceCIDRConditionReady, Status: metav1.ConditionTrue, Message: "Kubernetes default Service CIDR is ready",
	}) {
		return nil
	}
	_, err = api.UpdateStatus(ctx, have, metav1.UpdateOptions{})
	return err
}

func texts(ranges []netip.Prefix) []string {
	var out []string
	for _, r := range ranges {
		out = append(out, r.String())
	}
	return out
}
