// Package flowcontrol declares the resources of the flowcontrol.apiserver.k8s.io group, v1.
package flowcontrol

import (
	"strconv"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

var (
	schemaDoc   = flowcontrolv1.FlowSchemaSpec{}.SwaggerDoc()
	levelDoc    = flowcontrolv1.PriorityLevelConfigurationSpec{}.SwaggerDoc()
	limitedDoc  = flowcontrolv1.LimitedPriorityLevelConfiguration{}.SwaggerDoc()
	queueingDoc = flowcontrolv1.QueuingConfiguration{}.SwaggerDoc()
)

// FlowSchemas is the flowschemas resource.
var FlowSchemas = generic.Resource[*flowcontrolv1.FlowSchema]{
	GV: flowcontrolv1.SchemeGroupVersion, Plural: "flowschemas", Singular: "flowschema", Cluster: true,
	Object: &flowcontrolv1.FlowSchema{}, List: &flowcontrolv1.FlowSchemaList{},
	Spec:            func(s *flowcontrolv1.FlowSchema) any { return &s.Spec },
	Status:          func(s *flowcontrolv1.FlowSchema) any { return &s.Status },
	StatusKeepsMeta: true,
	Validate:        validation.FlowSchema,
	ValidateUpdate:  validation.FlowSchemaUpdate,
	ValidateStatus:  validation.FlowSchemaStatusUpdate,
	Generation:      true,
	Columns: []generic.Column[*flowcontrolv1.FlowSchema]{
		generic.Name[*flowcontrolv1.FlowSchema](),
		{Name: "PriorityLevel", Doc: schemaDoc["priorityLevelConfiguration"], Cell: func(s *flowcontrolv1.FlowSchema) any {
			return generic.Or(s.Spec.PriorityLevelConfiguration.Name, generic.None)
		}},
		{Name: "MatchingPrecedence", Type: generic.Integer, Doc: schemaDoc["matchingPrecedence"], Cell: func(s *flowcontrolv1.FlowSchema) any { return int64(s.Spec.MatchingPrecedence) }},
		{Name: "DistinguisherMethod", Doc: schemaDoc["distinguisherMethod"], Cell: func(s *flowcontrolv1.FlowSchema) any {
			if s.Spec.DistinguisherMethod == nil {
				return generic.None
			}
			return string(s.Spec.DistinguisherMethod.Type)
		}},
		generic.Age[*flowcontrolv1.FlowSchema](),
		{Name: "MissingPL", Doc: "references a broken or non-existent PriorityLevelConfiguration", Cell: func(s *flowcontrolv1.FlowSchema) any {
			for _, c := range s.Status.Conditions {
				if c.Type == flowcontrolv1.FlowSchemaConditionDangling {
					return string(c.Status)
				}
			}
			return "?"
		}},
	},
}

// PriorityLevelConfigurations is the prioritylevelconfigurations resource.
var PriorityLevelConfigurations = generic.Resource[*flowcontrolv1.PriorityLevelConfiguration]{
	GV: flowcontrolv1.SchemeGroupVersion, Plural: "prioritylevelconfigurations", Singular: "prioritylevelconfiguration", Cluster: true,
	Object: &flowcontrolv1.PriorityLevelConfiguration{}, List: &flowcontrolv1.PriorityLevelConfigurationList{},
	Spec:            func(p *flowcontrolv1.PriorityLevelConfiguration) any { return &p.Spec },
	Status:          func(p *flowcontrolv1.PriorityLevelConfiguration) any { return &p.Status },
	StatusKeepsMeta: true,
	Validate:        validation.PriorityLevelConfiguration,
	ValidateUpdate:  validation.PriorityLevelConfigurationUpdate,
	ValidateStatus:  validation.PriorityLevelConfigurationStatusUpdate,
	Generation:      true,
	Columns: []generic.Column[*flowcontrolv1.PriorityLevelConfiguration]{
		generic.Name[*flowcontrolv1.PriorityLevelConfiguration](),
		{Name: "Type", Doc: levelDoc["type"], Cell: func(p *flowcontrolv1.PriorityLevelConfiguration) any { return string(p.Spec.Type) }},
		{Name: "NominalConcurrencyShares", Doc: limitedDoc["nominalConcurrencyShares"], Cell: func(p *flowcontrolv1.PriorityLevelConfiguration) any {
			if p.Spec.Limited == nil {
				return generic.None
			}
			return strconv.Itoa(int(generic.Deref(p.Spec.Limited.NominalConcurrencyShares)))
		}},
		queueing("Queues", "queues", func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.Queues }),
		queueing("HandSize", "handSize", func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.HandSize }),
		queueing("QueueLengthLimit", "queueLengthLimit", func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.QueueLengthLimit }),
		generic.Age[*flowcontrolv1.PriorityLevelConfiguration](),
	},
}

func queueing(name, field string, get func(*flowcontrolv1.QueuingConfiguration) int32) generic.Column[*flowcontrolv1.PriorityLevelConfiguration] {
	return generic.Column[*flowcontrolv1.PriorityLevelConfiguration]{Name: name, Doc: queueingDoc[field], Cell: func(p *flowcontrolv1.PriorityLevelConfiguration) any {
		if p.Spec.Limited == nil || p.Spec.Limited.LimitResponse.Queuing == nil {
			return generic.None
		}
		return strconv.Itoa(int(get(p.Spec.Limited.LimitResponse.Queuing)))
	}}
}
