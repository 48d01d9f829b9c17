package validation

import (
	"fmt"
	"sync"

	"github.com/google/cel-go/cel"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/version"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// deviceExpression wants a CEL expression over one variable, `device`, that is true or false.
func deviceExpression(p *field.Path, expression string) field.ErrorList {
	if expression == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	if len(expression) > resourcev1.CELSelectorExpressionMaxLength {
		return field.ErrorList{field.TooLong(p, "" /* unused */, resourcev1.CELSelectorExpressionMaxLength)}
	}
	env, err := deviceEnvironment()
	if err != nil {
		return field.ErrorList{field.InternalError(p, err)}
	}
	ast, issues := env.Compile(expression)
	if issues != nil && issues.Err() != nil {
		return field.ErrorList{field.Invalid(p, expression, "compilation failed: "+issues.String())}
	}
	if out := ast.OutputType(); !out.IsExactType(cel.BoolType) && !out.IsExactType(cel.AnyType) {
		return field.ErrorList{field.Invalid(p, expression, "must evaluate to bool or the unknown type, not "+out.String())}
	}
	return nil
}

// deviceEnvironment is where expressions about a device are compiled; the first who asks pays for making it.
var deviceEnvironment = sync.OnceValues(func() (*cel.Env, error) {
	attributes := apiservercel.NewMapType(apiservercel.StringType, apiservercel.NewMapType(apiservercel.StringType, apiservercel.AnyType, -1), -1)
	capacity := apiservercel.NewMapType(apiservercel.StringType, apiservercel.NewMapType(apiservercel.StringType, apiservercel.QuantityDeclType, -1), -1)
	fields := map[string]*apiservercel.DeclField{}
	for name, t := range map[string]*apiservercel.DeclType{
		"driver": apiservercel.StringType, "attributes": attributes, "capacity": capacity, "allowMultipleAllocations": apiservercel.BoolType,
	} {
		fields[name] = apiservercel.NewDeclField(name, t, true, nil, nil)
	}
	device := apiservercel.NewObjectType("kubernetes.DRADevice", fields)
	set, err := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 31),
		EnvOptions:        []cel.EnvOption{cel.Variable("device", device.CelType())},
		DeclTypes:         []*apiservercel.DeclType{device},
	})
	if err != nil {
		return nil, fmt.Errorf("environment of device expressions: %w", err)
	}
	return set.Env(environment.StoredExpressions)
})
