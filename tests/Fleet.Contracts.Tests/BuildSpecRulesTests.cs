using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Tests;

public sealed partial class BuildSpecRulesTests
{
    /// <summary>Each rule broken once: what is changed, and the key the one sentence must name.</summary>
    private static readonly Dictionary<string, (Func<BuildSpec, BuildSpec> Break, string Says)> Rows = new()
    {
        ["model name"] = (spec => spec with { Model = "My Model" }, "model 'My Model' must be"),
        ["model name one too long"] = (spec => spec with { Model = new string('a', Limits.NameLength + 1) }, "must be 1 to 64"),
        ["less than a minute for each seed"] = (
            spec => spec with { Seeds = 20, Student = new StudentSpec { Family = StudentSpec.Auto, Minutes = 2 } },
            "student.minutes 2 is divided by seeds 20, and no seed is searched and trained in less than one: give at least 20"),
        ["unknown data kind"] = (spec => Data(spec, data => data with { Kind = "sqlite", Train = "x" }),
            "data.kind 'sqlite' is not known; it is one of auto, vibration, npz, npy, idx, csv"),
        ["preprocessing of a table"] = (
            spec => Data(spec, data => data with { Kind = "csv", Train = "x", LabelColumn = "y", Preprocessing = new() }),
            "data.preprocessing is for pictures and sound in files"),
        ["preprocessing of two kinds"] = (
            spec => Data(spec, data => data with { Kind = "folder", Train = "x", Preprocessing = new() { Fit = PictureFit.Pad, Hop = 9 } }),
            "data.preprocessing gives fit for pictures and hop for sound"),
        ["no training file"] = (spec => Data(spec, data => data with { Kind = "npz" }), "data.train must name a file"),
        ["too few generated samples"] = (spec => Data(spec, data => data with { Samples = 59 }), "data.samples 59"),
        ["too many generated samples"] = (spec => Data(spec, data => data with { Samples = 1_000_001 }), "data.samples 1000001"),
        ["no labels for npy"] = (spec => Data(spec, data => data with { Kind = "npy", Train = "x.npy" }),
            "data.trainLabels must name a file for data.kind 'npy'"),
        ["no labels for idx"] = (
            spec => Data(spec, data => data with { Kind = "idx", Train = "x" }), "data.trainLabels must name a file for data.kind 'idx'"),
        ["task that nothing is trained for"] = (spec => Data(spec, data => data with { Task = ModelTask.Embedding }),
            "data.task 'embedding' is not known; it is one of classification, multiLabel, regression, detection, anomaly"),
        ["loss of logits without classes"] = (
            spec => Regression(spec) with { Distillation = new DistillationSpec { Losses = [new LossSpec { Loss = "dkd" }] } },
            "distillation.losses[0].loss 'dkd' needs classes, and data.task is 'regression'; use one of attention, feature, output, "
                + "relation, similarity"),
        ["negatives without classes"] = (
            spec => Regression(spec) with
            {
                Distillation = new DistillationSpec
                {
                    Losses = [new LossSpec { Loss = "contrastive", Pairs = [new FeaturePairSpec { Teacher = "a", Student = "b" }] }],
                },
            }, "loss 'contrastive' needs classes"),
        ["loss of logits with boxes"] = (
            spec => Boxes(spec) with { Distillation = new DistillationSpec { Losses = [new LossSpec { Loss = "logit" }] } },
            "loss 'logit' needs classes, and data.task is 'detection'"),
        ["boxes of a file that has none"] = (spec => Data(Boxes(spec), data => data with { Kind = "csv", LabelColumn = "y" }),
            "data.task 'detection' reads boxes from data.kind 'npz', not from 'csv'"),
        ["boxes without a detector"] = (spec => Boxes(spec) with { Student = spec.Student! with { Family = "cnn" } },
            "student.family 'cnn' does not go with data.task 'detection': a detector finds boxes, and boxes need a detector"),
        ["detector without boxes"] = (spec => spec with { Student = spec.Student! with { Family = "detector" } },
            "student.family 'detector' does not go with data.task 'classification'"),
        ["boxes that stay while the image moves"] = (
            spec => Boxes(spec) with { Distillation = new DistillationSpec { Training = new TrainingSpec { Augment = true } } },
            "distillation.training.augment moves images but not the boxes in them"),
        ["boxes of TorchScript"] = (spec => Boxes(spec) with { Teacher = new TeacherSpec { TorchScript = "t.pt" } },
            "teacher.torchScript answers with one tensor, and a detector with two"),
        ["boxes on a trained grid"] = (spec => Boxes(spec) with { QuantizationAware = new QuantizationAwareSpec { Method = "qat" } },
            "quantizationAware is not for data.task 'detection'"),
        ["boxes that stay while the image turns"] = (
            spec => Boxes(spec) with { Distillation = new DistillationSpec { Training = new TrainingSpec { Operations = 2 } } },
            "distillation.training.operations 2 turn images but not the boxes in them"),
        ["mixtures of values"] = (
            spec => Regression(spec) with { Distillation = new DistillationSpec { Training = new TrainingSpec { Mixup = true } } },
            "distillation.training.mixup mixes samples of one class each, and data.task is 'regression'; leave it out."),
        ["operations without end"] = (
            spec => spec with { Distillation = spec.Distillation with { Training = new TrainingSpec { Operations = 9 } } },
            "distillation.training.operations 9 must be within 0..8."),
        ["smoothing without classes"] = (
            spec => Regression(spec) with { Distillation = new DistillationSpec { Training = new TrainingSpec { LabelSmoothing = 0.1 } } },
            "distillation.training.labelSmoothing spreads labels over classes"),
        ["distilled grid without classes"] = (
            spec => Regression(spec) with { QuantizationAware = new QuantizationAwareSpec { Method = "qkd" } },
            "quantizationAware.method 'qkd' compares logits of classes"),
        ["bound of errors between classes"] = (spec => Teaching(spec, training => training with { HuberDelta = 1 }),
            "teacher.training.huberDelta is for data.task 'regression'"),
        ["bound of errors"] = (spec => Teaching(Regression(spec), training => training with { HuberDelta = 0 }),
            "teacher.training.huberDelta 0 must be above 0"),
        ["features of a table"] = (
            spec => Data(spec, data => data with { Kind = "csv", Train = "x", LabelColumn = "y", Features = new() }),
            "data.features is for sound and other signals, not for data.kind 'csv'."),
        ["coefficients of bands"] = (spec => Heard(spec, new() { Coefficients = 13 }), "data.features.coefficients is for"),
        ["bands of raw sound"] = (spec => Heard(spec, new() { Kind = FeatureKind.Raw, Mels = 40 }), "data.features.kind 'raw' leaves"),
        ["one band"] = (spec => Heard(spec, new() { Mels = 1 }), "data.features.mels 1 must be within 2..256."),
        ["more coefficients than bands"] = (
            spec => Heard(spec, new() { Kind = FeatureKind.Mfcc, Mels = 20, Coefficients = 21 }), "data.features.coefficients 21"),
        ["window of no time"] = (spec => Heard(spec, new() { WindowMilliseconds = 0 }), "data.features.windowMilliseconds 0 must be"),
        ["hop of no time"] = (spec => Heard(spec, new() { HopMilliseconds = -1 }), "data.features.hopMilliseconds -1 must be"),
        ["bands that fall"] = (spec => Heard(spec, new() { LowestHertz = 900, HighestHertz = 300 }), "data.features.lowestHertz 900 must"),
        ["bands beyond hearing"] = (spec => Heard(spec, new() { HighestHertz = 1e6 }), "data.features.highestHertz 1000000 must"),
        ["rate of nothing"] = (spec => Heard(spec, new() { SampleRate = 0 }), "data.features.sampleRate 0 must"),
        ["series without a way to cut it"] = (
            spec => Data(spec, data => data with { Kind = "series", Train = "x" }), "data.series says how a table over time is cut"),
        ["window of nothing"] = (spec => Series(spec, series => series with { Window = 0 }), "data.series.window 0"),
        ["step that stands"] = (spec => Series(spec, series => series with { Step = 0 }), "data.series.step 0"),
        ["remaining rows as classes"] = (
            spec => Data(Series(spec, series => series), data => data with { Task = ModelTask.Classification }),
            "data.series.maximumRemaining makes numbers to predict"),
        ["two kinds of labels"] = (spec => Data(Series(spec, series => series), data => data with { LabelColumn = "y" }),
            "data.series needs one of maximumRemaining"),
        ["label columns of arrays"] = (spec => Data(spec, data => data with { Kind = "npz", Train = "x.npz", LabelColumns = ["a", "b"] }),
            "data.labelColumns is for data.kind 'csv'"),
        ["no label column"] = (spec => Data(spec, data => data with { Kind = "csv", Train = "x.csv" }), "data.labelColumn"),
        ["validation share"] = (spec => Data(spec, data => data with { ValidationShare = 0.51 }), "data.validationShare 0.51"),
        ["test share"] = (spec => Data(spec, data => data with { TestShare = 0 }), "data.testShare 0"),
        ["test share that is not a number"] = (spec => Data(spec, data => data with { TestShare = double.NaN }), "data.testShare NaN"),
        ["sample shape"] = (spec => Data(spec, data => data with { SampleShape = [1, 0, 4] }), "data.sampleShape"),
        ["text settings of numbers"] = (
            spec => Data(spec, data => data with { Text = new TextSpec() }), "data.text is for data.kind 'text'"),
        ["text cut to nothing"] = (spec => Text(spec, new TextSpec { MaximumLength = 0 }), "data.text.maximumLength 0"),
        ["vocabulary of a page"] = (spec => Text(spec, new TextSpec { VocabularySize = 65_537 }), "data.text.vocabularySize 65537"),
        ["encoder of numbers"] = (spec => spec with { Student = spec.Student! with { Family = "encoder" } },
            "student.family 'encoder' does not go with data.kind 'vibration'"),
        ["text without an encoder"] = (spec => Text(spec, new TextSpec()) with { Student = spec.Student },
            "student.family 'conv1d' does not go with data.kind 'text'"),
        ["words of numbers"] = (spec => spec with { Student = spec.Student! with { Family = "text-cnn" } },
            "student.family 'text-cnn' does not go with data.kind 'vibration'"),
        ["depth of a family that has its own"] = (
            spec => spec with { Student = spec.Student! with { Depth = 3 } },
            "student.depth is for the families mlp, cnn, detector and encoder"),
        ["depth"] = (spec => spec with { Student = spec.Student! with { Family = "mlp", Depth = 25 } }, "student.depth 25"),
        ["no data"] = (spec => spec with { Data = null }, "data is missing: a spec has data, teacher and student, or source"),
        ["a teacher beside a model of one's own"] = (
            spec => spec with { Data = null, Student = null, Source = Source }, "teacher has no meaning beside source"),
        ["a model of one's own without a file"] = (spec => Own(spec, Source with { Onnx = "" }), "source.onnx must name a file"),
        ["a model of one's own without samples"] = (
            spec => Own(spec, Source with { Validation = "" }), "source.validation must name a file"),
        ["labels of made-up samples"] = (spec => Own(spec, Source with { Validation = "synthetic", ValidationLabels = "l.npy" }),
            "source.validationLabels has no meaning"),
        ["shapes of samples that are not made up"] = (
            spec => Own(spec, Source with { Validation = "v.npz", Shapes = [new InputShape("x", [1, 3, 8, 8])] }),
            "source.shapes has no meaning without made-up samples"),
        ["a mean of two channels"] = (spec => Own(spec, Source with { Preprocessing = new() { Mean = [1, 2] } }),
            "source.preprocessing.mean must be one number, or one for each of 3 channels."),
        ["a range that falls"] = (spec => Own(spec, Source with { Preprocessing = new() { Range = [1, 0] } }),
            "source.preprocessing.range must be two numbers, the lower one first"),
        ["a share without cropping"] = (spec => Own(spec, Source with { Preprocessing = new() { CropShare = 0.5 } }),
            "source.preprocessing.cropShare is for source.preprocessing.fit 'crop'."),
        ["a model of one's own without classes"] = (spec => Own(spec, Source with { Classes = [] }), "source.classes must name"),
        ["unknown scheme"] = (spec => spec with { Quantization = spec.Quantization with { Schemes = ["int2"] } },
            "quantization.schemes 'int2' is not known; it is one of auto, int8-static-u8s8"),
        ["auto among others"] = (spec => spec with { Quantization = spec.Quantization with { Schemes = ["auto", "fp16"] } },
            "quantization.schemes 'auto' is not known"),
        ["no scheme"] = (spec => spec with { Quantization = spec.Quantization with { Schemes = [] } },
            "quantization.schemes must name at least one scheme"),
        ["unknown goal"] = (spec => spec with { Quantization = spec.Quantization with { Goal = "beauty" } },
            "quantization.goal 'beauty' is not known; it is one of latency, size, accuracy"),
        ["operator set before those written"] = (spec => spec with { Quantization = spec.Quantization with { Opset = 12 } },
            "quantization.opset 12 must be within 13..21"),
        ["batch of more than there may be"] = (spec => spec with { Quantization = spec.Quantization with { Batch = 257 } },
            "quantization.batch 257 must be within 1..256"),
        ["unknown format"] = (spec => spec with { Quantization = spec.Quantization with { Format = "tflite" } },
            "quantization.format 'tflite' is not known; it is one of onnx, ort"),
        ["no time"] = (spec => spec with { Quantization = spec.Quantization with { TimeLimit = TimeSpan.Zero } },
            "quantization.timeLimit 00:00:00 must be above zero"),
        ["nothing to keep"] = (
            spec => spec with { Quantization = spec.Quantization with { Keep = [] } }, "quantization.keep has 0 entries"),
        ["layer without a name"] = (spec => spec with { Quantization = spec.Quantization with { Only = [""] } },
            "quantization.only '' must be the name of a layer"),
        ["unknown effort"] = (spec => spec with { Quantization = spec.Quantization with { Effort = "lazy" } },
            "quantization.effort 'lazy' is not known; it is one of fast, balanced, thorough"),
        ["signal to noise"] = (spec => spec with { Quantization = spec.Quantization with { MinimumSignalToNoise = 151 } },
            "quantization.minimumSignalToNoise 151"),
        ["no teacher"] = (spec => spec with { Teacher = new TeacherSpec() }, "teacher needs one of family"),
        ["two teachers"] = (spec => spec with { Teacher = spec.Teacher! with { Onnx = "t.onnx" } }, "and no other"),
        ["unknown teacher family"] = (
            spec => spec with { Teacher = spec.Teacher! with { Family = "transformer" } }, "teacher.family 'transformer' is not known"),
        ["teacher width"] = (spec => spec with { Teacher = spec.Teacher! with { Width = 1025 } }, "teacher.width 1025"),
        ["teacher epochs"] = (spec => Teaching(spec, training => training with { Epochs = 0 }), "teacher.training.epochs 0"),
        ["teacher batch"] = (spec => Teaching(spec, training => training with { BatchSize = 1 }), "teacher.training.batchSize 1"),
        ["teacher learning rate"] = (
            spec => Teaching(spec, training => training with { LearningRate = 0 }), "teacher.training.learningRate 0"),
        ["teacher weight decay"] = (
            spec => Teaching(spec, training => training with { WeightDecay = 1 }), "teacher.training.weightDecay 1"),
        ["unknown student family"] = (spec => spec with { Student = spec.Student! with { Family = "mlp2" } },
            "student.family 'mlp2' is not known; it is one of linear, mlp, conv1d, conv1d-residual, tcn, gru, random-kernels, cnn, "
                + "cnn-separable, cnn-residual, detector, text-cnn, encoder, prototypes, auto"),
        ["student width"] = (spec => spec with { Student = spec.Student! with { Width = 3 } }, "student.width 3"),
        ["searched width without a budget"] = (spec => spec with { Student = spec.Student! with { Width = StudentWidth.Auto } },
            "student.budget must name maximumBytes or maximumLatencyP95"),
        ["empty budget"] = (spec => spec with { Student = spec.Student! with { Width = StudentWidth.Auto, Budget = new StudentBudget() } },
            "student.budget must name maximumBytes or maximumLatencyP95"),
        ["width of a searched family"] = (spec => spec with { Student = new StudentSpec { Family = "auto", Width = 24 } },
            "student.width 24 is for a family that is named"),
        ["depth of a searched family"] = (spec => spec with { Student = new StudentSpec { Family = "auto", Depth = 2 } },
            "student.depth 2 is for a family that is named"),
        ["minutes of a named family"] = (spec => spec with { Student = spec.Student! with { Minutes = 5 } },
            "student.minutes is for student.family auto"),
        ["minutes"] = (spec => spec with { Student = new StudentSpec { Family = "auto", Minutes = 0 } },
            "student.minutes 0 must be above 0 and at most 1440"),
        ["searched teacher of a named student"] = (
            spec => spec with { Teacher = spec.Teacher! with { Family = "auto" } }, "teacher.family auto goes with student.family auto"),
        ["budget of bytes"] = (spec =>
            spec with { Student = spec.Student! with { Width = StudentWidth.Auto, Budget = new StudentBudget { MaximumBytes = 1023 } } },
                "student.budget.maximumBytes 1023"),
        ["budget of time"] = (spec =>
            spec with
            {
                Student = spec.Student! with
                {
                    Width = StudentWidth.Auto,
                    Budget = new StudentBudget { MaximumLatencyP95 = TimeSpan.Zero },
                },
            }, "student.budget.maximumLatencyP95 00:00:00"),
        ["temperature"] = (spec => spec with { Distillation = spec.Distillation with { Temperature = 0 } }, "distillation.temperature 0"),
        ["alpha"] = (spec => spec with { Distillation = spec.Distillation with { Alpha = 1.1 } }, "distillation.alpha 1.1"),
        ["fine-tuning"] = (spec => spec with { Distillation = spec.Distillation with { FineTuneEpochs = -1 } },
            "distillation.fineTuneEpochs -1"),
        ["student learning rate"] = (
            spec => spec with { Distillation = spec.Distillation with { Training = new TrainingSpec { LearningRate = 11 } } },
            "distillation.training.learningRate 11"),
        ["unknown loss"] = (spec => Losing(spec, new LossSpec { Loss = "magic" }),
            "distillation.losses[0].loss 'magic' is not known; it is one of attention, contrastive, dist, dkd, feature, logit, output, "
                + "relation, similarity"),
        ["features without pairs"] = (spec => Losing(spec, new LossSpec { Loss = "feature" }),
            "distillation.losses[0].pairs: loss 'feature' compares features and needs at least one pair"),
        ["pairs for logits"] = (spec => Losing(spec, new LossSpec { Loss = "logit", Pairs = [Pair] }),
            "distillation.losses[0].pairs: loss 'logit' compares outputs"),
        ["setting of another loss"] = (spec => Losing(spec, new LossSpec { Loss = "dist", Alpha = 1 }),
            "distillation.losses[0].alpha: loss 'dist' has no such setting; it has temperature, beta, gamma"),
        ["temperature of a loss"] = (
            spec => Losing(spec, new LossSpec { Loss = "logit", Temperature = 0 }), "distillation.losses[0].temperature 0 must be above 0"),
        ["weight of a loss"] = (spec => Losing(spec, new LossSpec { Loss = "logit", Weight = -1 }), "distillation.losses[0].weight -1"),
        ["heads"] = (spec => Losing(spec, new LossSpec { Loss = "attention", Heads = 0, Pairs = [Pair] }),
            "distillation.losses[0].heads 0"),
        ["pair without a name"] = (spec => Losing(spec, new LossSpec { Loss = "feature", Pairs = [Pair with { Teacher = "" }] }),
            "distillation.losses[0].pairs must name a feature"),
        ["too many pairs"] = (spec =>
            Losing(spec, new LossSpec { Loss = "feature", Pairs = [.. Enumerable.Repeat(Pair, BuildSpecRules.MaximumPairs + 1)] }),
                "distillation.losses[0].pairs has 33 pairs"),
        ["too many losses"] = (spec =>
            Losing(spec, [.. Enumerable.Repeat(new LossSpec { Loss = "logit" }, BuildSpecRules.MaximumLosses + 1)]),
                "distillation.losses has 17 losses"),
        ["weight of the labels"] = (
            spec => spec with { Distillation = spec.Distillation with { Labels = -0.1 } }, "distillation.labels -0.1"),
        ["nothing to learn from"] = (
            spec => spec with
            {
                Distillation = spec.Distillation with { Labels = 0, Losses = [new LossSpec { Loss = "logit", Weight = 0 }] },
            }, "nothing to learn from"),
        ["views"] = (spec => spec with { Distillation = spec.Distillation with { Views = 0 } }, "distillation.views 0"),
        ["device"] = (spec => Teaching(spec, training => training with { Device = "tpu" }),
            "teacher.training.device 'tpu' is not known; it is one of auto, cpu, cuda"),
        ["patience"] = (spec => Teaching(spec, training => training with { Patience = -1 }), "teacher.training.patience -1"),
        ["label smoothing"] = (spec => Teaching(spec, training => training with { LabelSmoothing = 1 }),
            "teacher.training.labelSmoothing 1"),
        ["no profiles"] = (spec => spec with { Quantization = spec.Quantization with { Profiles = [] } },
            "quantization.profiles must name at least one"),
        ["unknown profile"] = (spec => spec with { Quantization = spec.Quantization with { Profiles = ["x64", "toaster"] } },
            "quantization.profiles 'toaster' is not known"),
        ["unknown calibrator"] = (spec => spec with { Quantization = spec.Quantization with { Calibrator = "guess" } },
            "quantization.calibrator 'guess' is not known"),
        ["calibration samples"] = (
            spec => spec with { Quantization = spec.Quantization with { CalibrationSamples = 7 } }, "quantization.calibrationSamples 7"),
        ["maximum drop"] = (spec => spec with { Quantization = spec.Quantization with { MaximumDrop = 1.01 } },
            "quantization.maximumDrop 1.01"),
        ["way of training on a grid"] = (spec => Grid(spec, grid => grid with { Method = "magic" }),
            "quantizationAware.method 'magic' is not known; it is one of qat, qat-distillation, qkd"),
        ["bits of weights"] = (spec => Grid(spec, grid => grid with { WeightBits = 1 }),
            "quantizationAware.weightBits 1 must be within 2..8"),
        ["bits of activations"] = (spec => Grid(spec, grid => grid with { ActivationBits = 9 }), "quantizationAware.activationBits 9"),
        ["bits of the ends"] = (spec => Grid(spec, grid => grid with { EndBits = 0 }), "quantizationAware.endBits 0"),
        ["epochs on the grid"] = (spec => Grid(spec, grid => grid with { Epochs = 0 }), "quantizationAware.epochs 0"),
        ["epochs of a phase"] = (spec => Grid(spec, grid => grid with { Phases = new StudyPhasesSpec { CoStudying = -1 } }),
            "quantizationAware.phases.coStudying -1"),
        ["no phase at all"] = (spec =>
            Grid(spec, grid => grid with { Phases = new StudyPhasesSpec { SelfStudying = 0, CoStudying = 0, Tutoring = 0 } }),
                "quantizationAware.phases must have at least one epoch"),
        ["learning rate on the grid"] = (spec => Grid(spec, grid => grid with { LearningRate = 0 }), "quantizationAware.learningRate 0"),
        ["accuracy tolerance"] = (
            spec => spec with { Gate = spec.Gate with { AccuracyTolerance = -0.01 } }, "gate.accuracyTolerance -0.01"),
        ["gate below the teacher"] = (
            spec => spec with { Gate = spec.Gate with { BelowTeacher = 1.5 } }, "gate.belowTeacher 1.5 must be within 0..1."),
        ["gate above simple models"] = (
            spec => spec with { Gate = spec.Gate with { AboveFloor = -0.1 } }, "gate.aboveFloor -0.1 must be within 0..1."),
        ["validation samples"] = (spec => spec with { Gate = spec.Gate with { ValidationSamples = 0 } }, "gate.validationSamples 0"),
    };

    private static Dictionary<string, (Func<BuildSpec, BuildSpec> Break, string Says)> AllRows
        => new([.. Rows, .. TeacherRows, .. TrainingRows]);

    public static TheoryData<string> Broken => [.. AllRows.Keys];

    [Fact]
    public void Sample_spec_breaks_no_rule() => Assert.Empty(BuildSpecRules.ProblemsOf(Samples.Spec()));

    [Theory]
    [MemberData(nameof(Broken))]
    public void Broken_rule_is_named_once_with_its_key_and_value(string rule)
    {
        var (change, says) = AllRows[rule];
        Assert.Contains(says, Assert.Single(BuildSpecRules.ProblemsOf(change(Samples.Spec()))), StringComparison.Ordinal);
    }

    [Fact]
    public void All_that_is_wrong_is_told_at_once()
    {
        string[] together = [
            "model name", "test share", "teacher width", "unknown student family", "temperature", "no profiles", "maximum drop",
            "validation samples",
        ];
        var problems = BuildSpecRules.ProblemsOf(together.Aggregate(Samples.Spec(), (spec, rule) => Rows[rule].Break(spec)));
        Assert.Equal(together.Length, problems.Count);
        Assert.All(together, rule => Assert.Contains(problems, problem => problem.Contains(Rows[rule].Says, StringComparison.Ordinal)));
    }

    [Fact]
    public void Short_form_is_one_loss_on_logits_and_the_rest_for_the_labels()
    {
        var spec = new DistillationSpec { Alpha = 0.6, Temperature = 3 };
        var loss = Assert.Single(spec.AllLosses(ModelTask.Classification));
        Assert.Equal(("logit", 0.6, 3.0, 0.4), (loss.Loss, loss.Weight, loss.Temperature, spec.LabelWeight()));
        var listed = spec with { Losses = [new LossSpec { Loss = "dist" }] };
        Assert.Equal(("dist", 1.0), (listed.AllLosses(ModelTask.Classification).Single().Loss, listed.LabelWeight()));
        Assert.Equal(0.2, (listed with { Labels = 0.2 }).LabelWeight());
    }

    [Fact]
    public void Limits_themselves_are_allowed()
    {
        var spec = Samples.Spec();
        Assert.Empty(BuildSpecRules.ProblemsOf(spec with
        {
            Data = spec.Data! with { Samples = 60, ValidationShare = 0.5, TestShare = 0.5 },
            Teacher = spec.Teacher! with { Width = 1024 },
            Student = spec.Student! with { Width = 4 },
            Distillation = spec.Distillation with { Alpha = 1, Temperature = 100, FineTuneEpochs = 0 },
            Quantization = spec.Quantization with { CalibrationSamples = 8, MaximumDrop = 0 },
            QuantizationAware = new QuantizationAwareSpec
            {
                WeightBits = 2,
                ActivationBits = 8,
                EndBits = 2,
                Epochs = 10_000,
                Method = "qkd",
                Phases = new StudyPhasesSpec { SelfStudying = 0, CoStudying = 10_000, Tutoring = 0 },
            },
            Gate = spec.Gate with { AccuracyTolerance = 1, ValidationSamples = 1 },
        }));
    }

    private static BuildSpec Grid(BuildSpec spec, Func<QuantizationAwareSpec, QuantizationAwareSpec> change)
        => spec with { QuantizationAware = change(new QuantizationAwareSpec()) };

    private static BuildSpec Text(BuildSpec spec, TextSpec text)
        => Data(spec with { Student = spec.Student! with { Family = "encoder" }, Teacher = spec.Teacher! with { Family = "encoder" } },
            data => data with { Kind = "text", Train = "x.json", Text = text });

    [Fact]
    public void Model_of_ones_own_needs_neither_data_nor_teacher_nor_student()
        => Assert.Empty(BuildSpecRules.ProblemsOf(Own(Samples.Spec(), Source)));

    private static SourceSpec Source => new() { Onnx = "m.onnx", Validation = "synthetic" };

    private static BuildSpec Own(BuildSpec spec, SourceSpec source)
        => spec with { Data = null, Teacher = null, Student = null, Source = source };

    private static BuildSpec Regression(BuildSpec spec)
        => Data(spec, data => data with { Kind = "npz", Train = "x.npz", Task = ModelTask.Regression }) with
        {
            Distillation = new DistillationSpec(),
        };

    private static BuildSpec Seeking(BuildSpec spec) => Data(spec, data => data with { Task = ModelTask.Anomaly }) with
    {
        Teacher = new TeacherSpec { Family = TeacherSpec.None },
        Student = new StudentSpec { Family = "mlp" },
        Distillation = new DistillationSpec(),
        QuantizationAware = null,
    };

    private static BuildSpec Boxes(BuildSpec spec)
        => Data(spec, data => data with { Kind = "npz", Train = "x.npz", Task = ModelTask.Detection }) with
        {
            Teacher = spec.Teacher! with { Family = "detector" },
            Student = spec.Student! with { Family = "detector" },
            Distillation = new DistillationSpec(),
        };

    private static BuildSpec Series(BuildSpec spec, Func<SeriesSpec, SeriesSpec> change)
        => Data(Regression(spec),
            data => data with { Kind = "series", Series = change(new SeriesSpec { Unit = "1", MaximumRemaining = 125 }) });

    private static BuildSpec Heard(BuildSpec spec, FeatureSpec features) => Data(spec, data => data with { Features = features });

    private static BuildSpec Data(BuildSpec spec, Func<DataSpec, DataSpec> change) => spec with { Data = change(spec.Data!) };

    private static FeaturePairSpec Pair => new() { Teacher = "layer3", Student = "layer3" };

    private static BuildSpec Losing(BuildSpec spec, params LossSpec[] losses)
        => spec with { Distillation = spec.Distillation with { Losses = losses } };

    private static BuildSpec Teaching(BuildSpec spec, Func<TrainingSpec, TrainingSpec> change)
        => spec with { Teacher = spec.Teacher! with { Training = change(spec.Teacher!.Training) } };
}
