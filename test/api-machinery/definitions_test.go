package apimachinery

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

type object = map[string]any

// As the server has it: with defaults, and in the form it validates.
func definition(t *testing.T, file string) *apiextensions.CustomResourceDefinition {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var written v1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(text, &written); err != nil {
		t.Fatal(err)
	}
	v1.SetDefaults_CustomResourceDefinition(&written)
	v1.SetDefaults_CustomResourceDefinitionSpec(&written.Spec)
	internal := &apiextensions.CustomResourceDefinition{}
	if err := v1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&written, internal, nil); err != nil {
		t.Fatal(err)
	}
	for _, version := range internal.Spec.Versions {
		if version.Storage {
			internal.Status.StoredVersions = append(internal.Status.StoredVersions, version.Name)
		}
	}
	return internal
}

func TestDefinitionsAreTaken(t *testing.T) {
	files, err := filepath.Glob("../../deploy/crds/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			for _, problem := range validation.ValidateCustomResourceDefinition(context.Background(), definition(t, file)) {
				t.Error(problem)
			}
		})
	}
}

var ruleCases = map[string]struct {
	file     string
	old, new object
	// Part of the message; empty: the change is taken.
	refusal string
}{
	"a checkpoint's status is written": {
		file: "fermata.dev_podcheckpoints.yaml",
		old:  object{"spec": object{"sourcePod": object{"name": "a"}}},
		new:  object{"spec": object{"sourcePod": object{"name": "a"}}, "status": object{"nodeName": "n"}},
	},
	"a checkpoint's spec stays": {
		file:    "fermata.dev_podcheckpoints.yaml",
		old:     object{"spec": object{"sourcePod": object{"name": "a"}}},
		new:     object{"spec": object{"sourcePod": object{"name": "b"}}},
		refusal: "spec is immutable",
	},
	"a group is decided": {
		file: "fermata.dev_podgroupcheckpoints.yaml",
		old:  object{"status": object{}},
		new:  object{"status": object{"decision": object{"verdict": "Committed"}}},
	},
	"a group is decided once": {
		file:    "fermata.dev_podgroupcheckpoints.yaml",
		old:     object{"status": object{"decision": object{"verdict": "Committed"}}},
		new:     object{"status": object{"decision": object{"verdict": "Aborted"}}},
		refusal: "a decision is taken once",
	},
	"a restoration is tried again, and decided": {
		file: "fermata.dev_podgroupcheckpoints.yaml",
		old:  object{"status": object{"restoration": object{"round": int64(1)}}},
		new:  object{"status": object{"restoration": object{"round": int64(2), "verdict": "Thaw"}}},
	},
	"a round does not come back": {
		file:    "fermata.dev_podgroupcheckpoints.yaml",
		old:     object{"status": object{"restoration": object{"round": int64(2)}}},
		new:     object{"status": object{"restoration": object{"round": int64(1)}}},
		refusal: "a round that was given up is over",
	},
	"a restoration is decided once": {
		file:    "fermata.dev_podgroupcheckpoints.yaml",
		old:     object{"status": object{"restoration": object{"round": int64(1), "verdict": "Thaw"}}},
		new:     object{"status": object{"restoration": object{"round": int64(2), "verdict": "Thaw"}}},
		refusal: "a decision is taken once",
	},
}

func TestRulesKeepWhatMustStay(t *testing.T) {
	for name, one := range ruleCases {
		t.Run(name, func(t *testing.T) {
			spec := definition(t, filepath.Join("../../deploy/crds", one.file)).Spec
			// The conversion moves the schema that all versions have in common up.
			validated := spec.Validation
			if validated == nil {
				validated = spec.Versions[0].Schema
			}
			structural, err := schema.NewStructural(validated.OpenAPIV3Schema)
			if err != nil {
				t.Fatal(err)
			}
			validator := cel.NewValidator(structural, true, celconfig.PerCallLimit)
			problems, _ := validator.Validate(context.Background(), nil, structural, one.new, one.old, celconfig.RuntimeCELCostBudget)
			said := problems.ToAggregate()
			switch {
			case one.refusal == "" && said != nil:
				t.Errorf("refused: %v", said)
			case one.refusal != "" && (said == nil || !strings.Contains(said.Error(), one.refusal)):
				t.Errorf("not refused as %q: %v", one.refusal, said)
			}
		})
	}
}
