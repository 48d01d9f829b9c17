// Package admissionregistration declares the resources of the admissionregistration.k8s.io group, v1.
package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// extensions is the category of what extends the API: `kubectl get api-extensions`.
var extensions = []string{"api-extensions"}

// webhooksDoc is the description of the column that counts webhooks.
const webhooksDoc = "Webhooks indicates the number of webhooks registered in this configuration"

// ValidatingWebhookConfigurations is the validatingwebhookconfigurations resource.
var ValidatingWebhookConfigurations = generic.Resource[*admissionregistrationv1.ValidatingWebhookConfiguration]{
	GV: admissionregistrationv1.SchemeGroupVersion, Plural: "validatingwebhookconfigurations", Singular: "validatingwebhookconfiguration", Categories: extensions, Cluster: true,
	Object: &admissionregistrationv1.ValidatingWebhookConfiguration{}, List: &admissionregistrationv1.ValidatingWebhookConfigurationList{},
	Spec:           func(c *admissionregistrationv1.ValidatingWebhookConfiguration) any { return &c.Webhooks },
	Validate:       validation.ValidatingWebhookConfiguration,
	ValidateUpdate: validation.ValidatingWebhookConfigurationUpdate,
	Generation:     true,
	RequireVersion: true,
	Columns: []generic.Column[*admissionregistrationv1.ValidatingWebhookConfiguration]{
		generic.Name[*admissionregistrationv1.ValidatingWebhookConfiguration](),
		{Name: "Webhooks", Type: generic.Integer, Doc: webhooksDoc,
			Cell: func(c *admissionregistrationv1.ValidatingWebhookConfiguration) any { return int64(len(c.Webhooks)) }},
		generic.Age[*admissionregistrationv1.ValidatingWebhookConfiguration](),
	},
}

// MutatingWebhookConfigurations is the mutatingwebhookconfigurations resource.
var MutatingWebhookConfigurations = generic.Resource[*admissionregistrationv1.MutatingWebhookConfiguration]{
	GV: admissionregistrationv1.SchemeGroupVersion, Plural: "mutatingwebhookconfigurations", Singular: "mutatingwebhookconfiguration", Categories: extensions, Cluster: true,
	Object: &admissionregistrationv1.MutatingWebhookConfiguration{}, List: &admissionregistrationv1.MutatingWebhookConfigurationList{},
	Spec:           func(c *admissionregistrationv1.MutatingWebhookConfiguration) any { return &c.Webhooks },
	Validate:       validation.MutatingWebhookConfiguration,
	ValidateUpdate: validation.MutatingWebhookConfigurationUpdate,
	Generation:     true,
	RequireVersion: true,
	Columns: []generic.Column[*admissionregistrationv1.MutatingWebhookConfiguration]{
		generic.Name[*admissionregistrationv1.MutatingWebhookConfiguration](),
		{Name: "Webhooks", Type: generic.Integer, Doc: webhooksDoc,
			Cell: func(c *admissionregistrationv1.MutatingWebhookConfiguration) any { return int64(len(c.Webhooks)) }},
		generic.Age[*admissionregistrationv1.MutatingWebhookConfiguration](),
	},
}
