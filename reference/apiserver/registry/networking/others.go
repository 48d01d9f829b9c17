package networking

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// IngressClasses is the ingressclasses resource.
var IngressClasses = generic.Resource[*networkingv1.IngressClass]{
	GV: networkingv1.SchemeGroupVersion, Plural: "ingressclasses", Singular: "ingressclass", Cluster: true,
	Object: &networkingv1.IngressClass{}, List: &networkingv1.IngressClassList{},
	Spec:           func(c *networkingv1.IngressClass) any { return &c.Spec },
	Validate:       validation.IngressClass,
	ValidateUpdate: validation.IngressClassUpdate,
	Generation:     true,
	Columns: []generic.Column[*networkingv1.IngressClass]{
		generic.Name[*networkingv1.IngressClass](),
		{Name: "Controller", Doc: "Controller that is responsible for handling this class", Cell: func(c *networkingv1.IngressClass) any { return c.Spec.Controller }},
		{Name: "Parameters", Doc: "A reference to a resource with additional parameters", Cell: func(c *networkingv1.IngressClass) any {
			p := c.Spec.Parameters
			switch {
			case p == nil:
				return generic.None
			case generic.Deref(p.APIGroup) != "":
				return fmt.Sprintf("%s.%s/%s", p.Kind, *p.APIGroup, p.Name)
			default:
				return p.Kind + "/" + p.Name
			}
		}},
		generic.Age[*networkingv1.IngressClass](),
	},
}

// NetworkPolicies is the networkpolicies resource.
var NetworkPolicies = generic.Resource[*networkingv1.NetworkPolicy]{
	GV: networkingv1.SchemeGroupVersion, Plural: "networkpolicies", Singular: "networkpolicy", Short: []string{"netpol"},
	Object: &networkingv1.NetworkPolicy{}, List: &networkingv1.NetworkPolicyList{},
	Spec:           func(p *networkingv1.NetworkPolicy) any { return &p.Spec },
	Validate:       validation.NetworkPolicy,
	ValidateUpdate: validation.NetworkPolicyUpdate,
	Generation:     true,
	Columns: []generic.Column[*networkingv1.NetworkPolicy]{
		generic.Name[*networkingv1.NetworkPolicy](),
		{Name: "Pod-Selector", Doc: networkingv1.NetworkPolicySpec{}.SwaggerDoc()["podSelector"],
			Cell: func(p *networkingv1.NetworkPolicy) any { return metav1.FormatLabelSelector(&p.Spec.PodSelector) }},
		generic.Age[*networkingv1.NetworkPolicy](),
	},
}

// IPAddresses is the ipaddresses resource: the addresses that are taken, by Services foremost.
var IPAddresses = generic.Resource[*networkingv1.IPAddress]{
	GV: networkingv1.SchemeGroupVersion, Plural: "ipaddresses", Singular: "ipaddress", Short: []string{"ip"}, Cluster: true,
	Object: &networkingv1.IPAddress{}, List: &networkingv1.IPAddressList{},
	Validate:       validation.IPAddress,
	ValidateUpdate: validation.IPAddressUpdate,
	Columns: []generic.Column[*networkingv1.IPAddress]{
		generic.Name[*networkingv1.IPAddress](),
		{Name: "ParentRef", Doc: networkingv1.IPAddressSpec{}.SwaggerDoc()["parentRef"], Cell: func(a *networkingv1.IPAddress) any { return parent(a.Spec.ParentRef) }},
		generic.Age[*networkingv1.IPAddress](),
	},
}

func parent(ref *networkingv1.ParentReference) string {
	if ref == nil {
		return generic.None
	}
	resource := ref.Resource
	if ref.Group != "" {
		resource += "." + ref.Group
	}
	if ref.Namespace != "" {
		return strings.Join([]string{resource, ref.Namespace, ref.Name}, "/")
	}
	return resource + "/" + ref.Name
}

// ServiceCIDRs is the servicecidrs resource.
var ServiceCIDRs = generic.Resource[*networkingv1.ServiceCIDR]{
	GV: networkingv1.SchemeGroupVersion, Plural: "servicecidrs", Singular: "servicecidr", Cluster: true,
	Object: &networkingv1.ServiceCIDR{}, List: &networkingv1.ServiceCIDRList{},
	Spec:           func(c *networkingv1.ServiceCIDR) any { return &c.Spec },
	Status:         func(c *networkingv1.ServiceCIDR) any { return &c.Status },
	Validate:       validation.ServiceCIDR,
	ValidateUpdate: validation.ServiceCIDRUpdate,
	ValidateStatus: validation.ServiceCIDRStatusUpdate,
	Columns: []generic.Column[*networkingv1.ServiceCIDR]{
		generic.Name[*networkingv1.ServiceCIDR](),
		{Name: "CIDRs", Doc: networkingv1.ServiceCIDRSpec{}.SwaggerDoc()["cidrs"], Cell: func(c *networkingv1.ServiceCIDR) any { return strings.Join(c.Spec.CIDRs, ",") }},
		generic.Age[*networkingv1.ServiceCIDR](),
	},
}

// more lists up to n values and says how many more there are.
func more(values []string, n int) string {
	if rest := len(values) - n; rest > 0 {
		return fmt.Sprintf("%s + %d more...", strings.Join(values[:n], ","), rest)
	}
	return strings.Join(values, ",")
}
