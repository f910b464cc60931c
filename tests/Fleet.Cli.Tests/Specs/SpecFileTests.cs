using Fleet.Cli.Client;
using Fleet.Cli.Specs;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Tests.Specs;

/// <summary>A build spec is written by hand: every mistake must be named with its place, and none may slip through.</summary>
public sealed class SpecFileTests
{
    private const string Smallest = """
        model: vibration
        data:
          kind: vibration
          samples: 600
        teacher:
          family: conv1d
        student:
          family: conv1d
        """;

    [Fact]
    public void Smallest_spec_is_read_with_the_defaults_of_the_contract()
    {
        var spec = SpecFile.Parse(Smallest, "spec.yaml", "/specs");

        var expected = new BuildSpec
        {
            Model = "vibration",
            Data = new DataSpec { Kind = "vibration", Samples = 600 },
            Teacher = new TeacherSpec { Family = "conv1d" },
            Student = new StudentSpec { Family = "conv1d" },
        };
        Assert.Equivalent(expected, spec, strict: true);
    }

    [Fact]
    public void No_teacher_is_one_word()
    {
        string With(string teacher) => Smallest.Replace("teacher:\n  family: conv1d", $"teacher: {teacher}", StringComparison.Ordinal);
        Assert.True(SpecFile.Parse(With("none"), "spec.yaml", "/specs").Teacher!.IsNone);
        Assert.Contains("teacher is 'nobody'; keys are expected", ProblemsOf(With("nobody"))[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Every_kind_of_value_is_read()
    {
        var spec = SpecFile.Parse("""
            # A spec with one of everything.
            model: "machines"
            seed: 7
            data:
              kind: npz
              train: sets/train.npz
              test: /data/test.npz
              sampleShape: [1, 28, 28]
              classes:
                - on
                - 'off'
                - "3"
            teacher:
              onnx: ../teacher.onnx
            student: { family: cnn, width: 24 }
            distillation:
              alpha: .5
              temperature: 3
              losses:
                - loss: dkd
                  weight: 0.5
                  beta: 2
                - {loss: feature, pairs: [{teacher: relu_7, student: layer3}]}
              labels: 1
              training:
                learningRate: 2e-3
                augment: true
            gate:
              maximumLatencyP95: 20ms
              maximumMemoryBytes: 268435456
            """, "spec.yaml", "/specs/fashion");

        Assert.Equal(7, spec.Seed);
        Assert.Equal("/specs/fashion/sets/train.npz", spec.Data!.Train);
        Assert.Equal("/data/test.npz", spec.Data!.Test);
        Assert.Equal([1, 28, 28], spec.Data!.SampleShape);
        Assert.Equal(["on", "off", "3"], spec.Data!.Classes);
        Assert.Equal("/specs/teacher.onnx", spec.Teacher!.Onnx);
        Assert.Equal(24, spec.Student!.Width);
        Assert.Equal((0.5, 3.0), (spec.Distillation.Alpha, spec.Distillation.Temperature));
        Assert.Equal([("dkd", 0.5, 2.0, 0), ("feature", 1.0, null, 1)],
            spec.Distillation.Losses.Select(loss => (loss.Loss, loss.Weight, loss.Beta, loss.Pairs.Count)));
        Assert.Equal(new FeaturePairSpec { Teacher = "relu_7", Student = "layer3" }, spec.Distillation.Losses[1].Pairs[0]);
        Assert.Equal(1, spec.Distillation.Labels);
        Assert.Equal(2e-3, spec.Distillation.Training.LearningRate);
        Assert.True(spec.Distillation.Training.Augment);
        Assert.Equal(TimeSpan.FromMilliseconds(20), spec.Gate.MaximumLatencyP95);
        Assert.Equal(268_435_456, spec.Gate.MaximumMemoryBytes);
    }

    [Fact]
    public void Unknown_yaml_key_is_refused_with_its_line_and_the_nearest_key()
    {
        var line = Assert.Single(ProblemsOf(Smallest + "\n  widht: 16"));
        Assert.StartsWith("spec.yaml:9:3: student.widht is not a known key; did you mean 'width'?", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Key_of_a_deeper_section_is_sent_to_where_it_belongs()
    {
        var line = Assert.Single(ProblemsOf(Smallest.Replace("student:", "  epochs: 3\nstudent:", StringComparison.Ordinal)));
        Assert.StartsWith("spec.yaml:7:3: teacher.epochs is not a known key; it belongs under teacher.training.",
            line, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_family_lists_the_known_ones()
    {
        var line = Assert.Single(
            ProblemsOf(Smallest.Replace("student:\n  family: conv1d", "student:\n  family: rnn", StringComparison.Ordinal)));
        Assert.Equal("spec.yaml:8:3: student.family 'rnn' is not known; it is one of linear, mlp, conv1d, conv1d-residual, "
            + "tcn, gru, random-kernels, cnn, cnn-separable, cnn-residual, detector, text-cnn, encoder, prototypes, auto.", line);
    }

    [Fact]
    public void Width_may_be_a_number_or_searched()
    {
        BuildSpec Read(string student) => SpecFile.Parse($"{Smallest}\n{student}", "spec.yaml", "/specs");
        var searched = Read("  width: auto\n  budget: { maximumBytes: 50000, maximumLatencyP95: 5ms }");
        Assert.True(searched.Student!.Width.IsAuto);
        Assert.Equal(TimeSpan.FromMilliseconds(5), searched.Student.Budget!.MaximumLatencyP95);
        Assert.Equal(8, Read("  width: 8").Student!.Width.Value);
        Assert.Equal("spec.yaml:9:10: student.width is wide; a whole number or auto is expected.",
            Assert.Single(ProblemsOf($"{Smallest}\n  width: wide")));
    }

    [Fact]
    public void All_broken_rules_are_listed_at_once_in_the_order_of_the_file()
    {
        var lines = ProblemsOf("""
            model: Vibration 1
            data:
              kind: vibration
              samples: 3
            teacher: {}
            student:
              family: conv1d
              width: 2
            """);
        Assert.Equal(
            ["spec.yaml:1:1: model", "spec.yaml:4:3: data.samples 3", "spec.yaml:5:1: teacher needs", "spec.yaml:8:3: student.width 2"],
            lines.Select(line => string.Join(' ', line.Split(' ').Take(line.Contains("model", StringComparison.Ordinal) ? 2 : 3))));
    }

    [Theory]
    [InlineData("seed: three", "seed is three; a whole number is expected.")]
    [InlineData("seed: 1.5", "seed is 1.5; a whole number is expected.")]
    [InlineData("seed: \"3\"", "seed is \"3\"; a whole number is expected.")]
    [InlineData("seed: 99999999999", "seed is 99999999999; a whole number is expected.")]
    [InlineData("seed: [1]", "seed is a list; a whole number is expected.")]
    [InlineData("seed:", "seed has no value; a whole number is expected, or leave the key out.")]
    [InlineData(
        "source:\n  onnx: a.onnx\n  validation: b.npz\n  task: guessing",
        "source.task is guessing; one of classification, regression, detection, embedding, multiLabel, anomaly, generation, "
            + "outputs is expected.")]
    [InlineData("quantizationAware: 4",
        "quantizationAware is '4'; keys are expected: weightBits, activationBits, endBits, method, epochs, phases, learningRate.")]
    [InlineData("distillation: 4",
        "distillation is '4'; keys are expected: temperature, alpha, losses, labels, views, training, compareWithLabels, "
            + "generations, fineTuneEpochs.")]
    [InlineData("distillation:\n  alpha: .nan", "distillation.alpha is .nan; a number is expected.")]
    [InlineData("distillation:\n  training:\n    augment: yes", "distillation.training.augment is yes; true or false is expected.")]
    [InlineData("quantization:\n  profiles:\n    x64: 1", "quantization.profiles is a section; a list, each item a text, is expected.")]
    [InlineData("quantization:\n  calibrator: 3",
        "quantization.calibrator is 3; a text is expected. Write \"3\" in quotes if text is meant.")]
    [InlineData("gate:\n  maximumLatencyP95: 20",
        "gate.maximumLatencyP95 is 20; a duration such as 500ms, 30s, 10m, 1h30m or 7d is expected.")]
    public void Value_of_the_wrong_type_is_refused_with_what_is_expected(string lines, string problem)
    {
        var found = Assert.Single(ProblemsOf(Smallest + "\n" + lines));
        Assert.EndsWith(problem, found, StringComparison.Ordinal);
    }

    [Fact]
    public void Model_of_ones_own_has_paths_beside_the_spec_and_one_scheme_may_be_written_as_a_word()
    {
        var spec = SpecFile.Parse("""
            model: own
            source:
              onnx: model.onnx
              calibration: synthetic
              validation: sets/held-out.npz
              validationLabels: /data/labels.npy
            quantization:
              schemes: auto
              goal: size
              profiles: x64
            """, "spec.yaml", "/specs");
        Assert.Equal(new SourceSpec
        {
            Onnx = "/specs/model.onnx",
            Calibration = "synthetic",
            Validation = "/specs/sets/held-out.npz",
            ValidationLabels = "/data/labels.npy",
        }, spec.Source);
        Assert.Equal(["auto"], spec.Quantization.Schemes!);
        Assert.Equal(["x64"], spec.Quantization.Profiles);
        Assert.Equal("size", spec.Quantization.Goal);
        Assert.Null(spec.Data);
    }

    [Fact]
    public void Missing_section_is_named()
    {
        var line = Assert.Single(ProblemsOf("model: a\ndata: { kind: vibration, samples: 600 }\nteacher: { family: cnn }"));
        Assert.Equal("spec.yaml:1:1: student is missing: a spec has data, teacher and student, or source for a model of one's own.", line);
    }

    [Fact]
    public void Key_written_twice_is_refused_with_both_lines()
        => Assert.Equal("spec.yaml:9:1: Key 'model' is written twice; first in line 1.",
            Assert.Single(ProblemsOf(Smallest + "\nmodel: other")));

    [Fact]
    public void Tab_is_refused_by_name()
    {
        var line = Assert.Single(ProblemsOf("model: a\ndata:\n\tkind: vibration\n"));
        Assert.Equal("spec.yaml:3:1: The line is indented with a tab; YAML takes spaces only.", line);
    }

    [Theory]
    [InlineData("", "The file is empty.")]
    [InlineData("# only a remark\n", "The file is empty.")]
    [InlineData("- 1\n- 2\n", "The file is a list; keys are expected: model")]
    [InlineData("model: \"a\n", "This is not valid YAML")]
    [InlineData("model: a: b\n", "This is not valid YAML")]
    [InlineData("? [1, 2]\n: 3\n", "A key must be a word")]
    [InlineData("model: &x a\n", "Anchor '&x' is not read here")]
    [InlineData("model: !!binary aGk=\n", "is not read here: types follow from the key.")]
    public void Text_that_is_not_a_spec_is_refused_with_the_reason(string text, string problem)
        => Assert.Contains(ProblemsOf(text), line => line.Contains(problem, StringComparison.Ordinal));

    [Fact]
    public void Second_document_is_refused()
        => Assert.Equal("spec.yaml:9:1: A second document begins here; a spec is one document.",
            Assert.Single(ProblemsOf(Smallest + "\n---\nmodel: b\n")));

    [Fact]
    public void Nesting_that_would_exhaust_the_stack_is_refused()
        => Assert.Contains("Nesting deeper than", Assert.Single(ProblemsOf("model: " + new string('[', 100_000))),
            StringComparison.Ordinal);

    [Fact]
    public void Aliases_that_would_grow_without_end_are_refused()
    {
        var lines = ProblemsOf("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n");
        Assert.Contains(lines, line => line.Contains("Alias '*a' is not read here", StringComparison.Ordinal));
    }

    private static List<string> ProblemsOf(string text)
    {
        var e = Assert.Throws<FleetException>(() => SpecFile.Parse(text, "spec.yaml", "/specs"));
        Assert.Equal("spec.yaml is not a valid build spec:", e.Lines[0]);
        return [.. e.Lines.Skip(1)];
    }
}
