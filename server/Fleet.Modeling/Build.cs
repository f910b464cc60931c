using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;
using Fleet.Modeling.Data;
using Fleet.Modeling.Decisions;
using Fleet.Modeling.Floors;
using Fleet.Modeling.QuantizationAware;
using Fleet.Modeling.Search;
using Fleet.Modeling.Seeds;
using Fleet.Modeling.Sources;
using Fleet.Modeling.Students;
using Fleet.Modeling.Teachers;
using Fleet.Quantization;
using Fleet.Quantization.Choice;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Report;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Variants;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling;

/// <summary>What a build leaves: the report, its page, and where the files lie that the report names.</summary>
/// <param name="Report">The report.</param>
/// <param name="Page">The report as one self-contained HTML page.</param>
/// <param name="Artifacts">Path of each artifact of the report.</param>
internal sealed record BuildResult(BuildReport Report, string Page, IReadOnlyDictionary<ArtifactReference, string> Artifacts);

/// <summary>One build: samples -> teacher -> student -> variants -> report.</summary>
/// <param name="time">Clock of the report.</param>
internal sealed class Build(TimeProvider time)
{
    /// <summary>What devices measured of other networks, which corrects estimates of speed; empty where nobody knows of any.</summary>
    public IReadOnlyList<MeasuredForm> Measured { get; init; } = [];

    /// <summary>Has the device that the spec names time files; null where there is no server to ask it through.</summary>
    public DeviceTimer? Timer { get; init; }

    /// <summary>Runs a build. Synchronous, to be called on a thread of its own: tensors belong to the thread that made them.</summary>
    /// <param name="spec">What to do.</param>
    /// <param name="folder">Where everything is written, the report included.</param>
    /// <param name="progress">Told what is being done and the share done, on this thread.</param>
    /// <param name="cancellationToken">Honoured at every training step and between runs of a model.</param>
    /// <exception cref="BuildException">What was given cannot be built; the message is for the operator.</exception>
    public BuildResult Run(BuildSpec spec, string folder, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        var (startedAt, start) = (time.GetUtcNow(), time.GetTimestamp());
        if (spec.Data is { } given) spec = spec with { Data = DataKind.Resolve(given) };
        if (BuildSpecRules.ProblemsOf(spec) is { Count: > 0 } problems) throw new BuildException(string.Join(" ", problems));
        string File(string name) => Path.Combine(folder, name);
        Directory.CreateDirectory(folder);
        if (spec.Source is not null)
            return Finish(SourceBuild.Run(spec, Measured, folder, time, new PartOf(progress, 0, 0.99), cancellationToken), folder,
                progress);

        var profiles = ProfilesOf(spec.Quantization);
        var trials = new SeedTrials(spec, profiles, File("seeds"), Timer);
        var first = 1 - 1.0 / (spec.Seeds ?? 1);
        var others = trials.Run(new PartOf(progress, 0, first), cancellationToken);
        using var kept = SampleRoom.In(folder);
        using var trained = SeedTraining.Begin(
            SeedTrials.Of(spec, 0), profiles, folder, kept, Timer, new PartOf(progress, first, 1), cancellationToken);
        var (decided, asked) = (trained.Decided, spec);
        (spec, progress) = (decided.Spec, decided.Progress);
        var (data, memory) = (decided.Data, decided.Memory);
        var judge = new SeedJudge(asked, others);
        trained.Train(judge, cancellationToken);
        var (simple, table, teacher, taught, learned) = (trained.Simple, trained.Table, trained.Teacher, trained.Taught, trained.Learned);
        var (student, epochs, generations) = trained.Student;
        float[] Answers(SampleSet samples) => trained.Answers(samples, cancellationToken);
        var room = simple.Count == 0 ? double.PositiveInfinity : RelativeGate.RoomOf(
            spec.Gate, trained.Figure(learned), teacher is null ? null : trained.Figure(taught),
            [.. simple.Select(floor => (floor.Description, trained.Figure(floor.Outputs)))], data.Test.Count);
        var labelsAlone = trained.LabelsAlone(cancellationToken);
        if (labelsAlone is not null) simple = [.. simple, labelsAlone];
        var seeds = others.Count == 0 ? null : SeedRules.Report(
            [SeedFigures.Of(trained, labelsAlone?.Outputs, cancellationToken), .. others], asked.Data!.CutsTest);
        var (onGrids, trainedEpochs) = TrainedVariants.Make(
            spec, File("student.onnx"), teacher?.Model, data, profiles, folder, memory, new PartOf(progress, 0.85, 0.9), cancellationToken);
        var travelling = Splits.SubsetNumbers(data.Test, spec.Gate.ValidationSamples, new Random(spec.Seed));
        using var deadline = new Deadline(spec.Quantization.TimeLimit, TimeProvider.System);
        var made = new VariantMaker().Make(
            new VariantRequest(File("student.onnx"),
                data.Training.Take(spec.Quantization.CalibrationSamples).Given().Feeds(StudentExport.Input),
                HeldOutOf(data, travelling),
                VariantSettings.Of(spec.Quantization, profiles, BudgetOf(spec, decided.Search?.DeviceFactor ?? 1)) with
                {
                    Trained = onGrids,
                    MaximumDrop = Math.Min(spec.Quantization.MaximumDrop, room),
                }, File("variants"))
            {
                Deadline = deadline,
                Threshold = AnomalyTable.OfVariants(data, trained.Rate, cancellationToken),
                Measured = Measured,
                Constant = table is null ? null : new ConstantAnswer(
                    table.Of(simple[0], table.Of(learned, cancellationToken), cancellationToken).GainInterval?.Low ?? 0,
                    session => judge.ObjectionTo(
                        trained, SeedTraining.Answers(session, data.Test, cancellationToken), cancellationToken)),
            },
            new PartOf(progress, spec.QuantizationAware is null ? 0.85 : 0.9, 0.97), cancellationToken);
        var travels = data.Test.Pick(travelling);
        // Without anomalies a device holds scores against those of the float model.
        ValidationSet.Write(File("validation.npz"), StudentExport.Input, travels.Given(),
            data.Test.Labels is AnomalyLabels { HasBoth: false }
                ? new Dictionary<string, float[]> { [student.Outputs()[0].Name] = Answers(travels) } : null);

        progress.Report(new BuildProgress(teacher is null ? "Measuring the student" : "Measuring teacher and student", 0.97));
        var (teacherScores, studentScores) = Score(teacher?.Model, File("student.onnx"), data, cancellationToken);
        var floors = FloorsOf(simple, taught, learned, table, cancellationToken);
        var decisions = new DecisionTable(data);
        var ofTeacher = teacher is null ? null : decisions.Of(taught, samples => teacher.Model.Outputs(samples, cancellationToken));
        var ofStudent = decisions.Of(learned, Answers);
        var anomalies = AnomalyTable.Of(data, File("student.onnx"), learned, trained.Rate);
        var report = new BuildReport
        {
            Spec = decided.Asked with { Seeds = asked.Seeds, Student = asked.Student },
            Seeds = seeds,
            Task = data.Task,
            Measure = made.Measure,
            Widths = decided.Widths,
            Search = SeedTrials.Found(asked, decided.Search),
            Augmentations = decided.Augmentations,
            Courses = decided.Courses,
            Generations = generations,
            CrossValidation = decided.Folds,
            Floors = floors.Reports,
            Findings = [
                .. judge.Findings, .. FloorRules.Findings(floors.Reports, spec.Student!.Family == "linear"),
                .. DecisionFigures.Findings(ofStudent, data.Classes), .. AnomalyTable.Findings(anomalies),
                .. anomalies is null ? [] : AnomalyThreshold.Findings(data.Validation, trained.Rate),
                .. SplitFindings.Of(data, decided.Asked.Data!, spec.Seed),
                .. data.IsTeachers ? data.Notes.TakeLast(1) : [],
                .. decided.Search is null && spec.Student.Budget?.Device is { } device ? new[]
                {
                    $"{device} times files for a search only, and there was none: student.budget.maximumLatencyP95 was held to what the "
                        + "machine that built measured.",
                } : [],
            ],
            StartedAt = startedAt,
            Duration = time.GetElapsedTime(start),
            MeasuredOn = ThisMachine.Description,
            DataSha256 = data.Sha256(),
            Data = DataSummary.Of(spec.Data!, data),
            Samples = new SampleCounts(data.Training.Count, data.Validation.Count, data.Test.Count) { Unlabelled = data.Unlabelled?.Count },
            Classes = data.Classes,
            ClassCounts = DataSummary.Classes(data),
            Teacher = teacher is null ? null
                : Describe(teacher.Description, teacher.Parameters, teacher.Model.Files, teacherScores!, teacher.Epochs) with
                {
                    Intervals = floors.Teacher,
                    Labels = LabelTable.Of(data.Test, taught),
                    Decisions = ofTeacher,
                },
            Student = Describe(student.Description, student.Parameters(), [File("student.onnx")], studentScores,
                [.. epochs, .. trainedEpochs]) with
            {
                Intervals = floors.Student,
                Labels = LabelTable.Of(data.Test, learned),
                Decisions = ofStudent,
                Anomalies = anomalies,
            },
            Inputs = [
                new TensorDescription(StudentExport.Input, student.Vocabulary is null ? "FP32" : "INT64",
                    [-1, .. student.GivenShape.Select(extent => (long)extent)]),
            ],
            Outputs = [
                .. student.Outputs().Select(output =>
                    new TensorDescription(output.Name, "FP32", [-1, .. output.Shape.Select(extent => (long)extent)])),
            ],
            Detection = (data.Test.Labels as BoxLabels)?.Form,
            ValidationSet = Artifacts.Reference(File("validation.npz")),
            Variants = [
                .. made.Variants.Select(variant => variant.Chosen ? variant with
                {
                    Decisions = decisions.Of(Path.Combine(File("variants"), variant.Artifact!.Name), cancellationToken, variant.Runtime),
                } : variant),
            ],
        };
        var result = Finish(report, folder, progress);
        memory.Forget();
        trials.Forget();
        return result;
    }

    private static BuildResult Finish(BuildReport report, string folder, IProgress<BuildProgress> progress)
    {
        var page = ReportPage.Render(report);
        File.WriteAllText(Path.Combine(folder, "report.json"), JsonSerializer.Serialize(report, FleetJson.Indented.BuildReport));
        File.WriteAllText(Path.Combine(folder, "report.html"), page);
        progress.Report(new BuildProgress("Built", 1));

        var artifacts = report.Variants.Select(variant => variant.Artifact).OfType<ArtifactReference>()
            .ToDictionary(artifact => artifact, artifact => Path.Combine(folder, "variants", artifact.Name));
        artifacts[report.ValidationSet] = Path.Combine(folder, "validation.npz");
        return new BuildResult(report, page, artifacts);
    }

    private static (IReadOnlyList<FloorReport> Reports, IReadOnlyList<MetricInterval> Teacher, IReadOnlyList<MetricInterval> Student)
        FloorsOf(IReadOnlyList<Floor> simple, float[] taught, float[] learned, FloorTable? table, CancellationToken cancellationToken)
    {
        if (table is null) return ([], [], []);
        var student = table.Of(learned, cancellationToken);
        return ([.. simple.Select(floor => table.Of(floor, student, cancellationToken))],
            taught.Length > 0 ? table.Of(taught, cancellationToken).Intervals : [], student.Intervals);
    }

    // Timed in turns, so that what else this machine does falls on both alike. A teacher that runs in the trainer is not timed:
    // it would be compared with another runtime.
    private static (Scores? Teacher, Scores Student) Score(
        ITeacherModel? teacher, string studentPath, DataSet data, CancellationToken cancellationToken)
    {
        var test = data.Test;
        using var student = OnnxRuntimeSession.Open(studentPath);
        using var other = teacher is OnnxTeacher ? OnnxRuntimeSession.Open(teacher.Path) : null;
        // A teacher is asked about features, which a student makes itself.
        (InferenceSession Session, IFeedSource Samples) Fed(InferenceSession session, SampleSet samples)
            => (session, samples.Feeds(session.InputNames[0]));
        (InferenceSession Session, IFeedSource Samples)[] timed = [
            Fed(student, test.Given()), .. other is null ? [] : new[] { Fed(other, test) },
        ];
        LatencySummary?[] latencies = [.. LatencyRun.Measure(timed, cancellationToken), null];
        if (test.Labels is BoxLabels boxes)
        {
            Scores Found(int index, DetectionForm form) => new()
            {
                Metrics = BoxesOf(timed[index].Session, test, form, cancellationToken),
                Latency = latencies[index],
                Samples = test.Count,
            };
            return (teacher is OnnxTeacher finder ? Found(1, finder.Form ?? boxes.Form) : null, Found(0, boxes.Form));
        }
        ModelOutputs[] outputs = [.. timed.Select(one => ModelOutputs.Of(one.Session, one.Samples, cancellationToken))];
        if (other is null && teacher is not null)
            outputs = [.. outputs, new ModelOutputs(teacher.Outputs(test, cancellationToken), test.Count)];
        Scores Of(int index)
        {
            var scores = new Scores
            {
                Metrics = test.Labels.Score(outputs[index].Values),
                Latency = latencies[index],
                Samples = test.Count,
            };
            return test.Labels is ClassLabels ? scores with { Agreement = Judgement.Agreement(outputs[index], outputs[0]) } : scores;
        }
        return (teacher is null ? null : Of(1), Of(0));
    }

    // By the boxes that are in its own outputs: laid out over a grid, as answers are in training, some of a teacher's would be lost.
    private static IReadOnlyList<MetricValue> BoxesOf(
        InferenceSession session, SampleSet test, DetectionForm form, CancellationToken cancellationToken)
    {
        var asked = SampleOutputs.JudgedOf(session, ModelTask.Detection, form);
        var score = TaskScore.For(test.Truth(ModelTask.Detection), asked, form);
        foreach (var sample in SampleOutputs.Each(session, test.Feeds(session.InputNames[0]), asked, cancellationToken))
            score.Add(sample.Of);
        return score.Measured();
    }

    private static HeldOut HeldOutOf(DataSet data, IReadOnlyList<int> travelling)
    {
        return new HeldOut(data.Test.Given().Feeds(StudentExport.Input), data.Test.Truth(data.Task))
        {
            Detection = (data.Test.Labels as BoxLabels)?.Form,
            LabelUnit = (data.Test.Labels as ValueLabels)?.Unit,
            Travelling = [.. travelling.Order()],
        };
    }

    /// <summary>What every variant must keep within: a width that was found for a budget promises no other file, nor one trained.</summary>
    // Both times are the device's, and variants are timed here: of a student that the device timed it is known how much that is.
    private static ProfileBudget BudgetOf(BuildSpec spec, double deviceFactor) => VariantChoice.Tighter(spec.Gate.Budget with
    {
        MaximumLatencyP95 = spec.Gate.MaximumLatencyP95 / deviceFactor,
    }, new ProfileBudget
    {
        MaximumBytes = spec.Student!.Budget?.MaximumBytes,
        MaximumLatencyP95 = spec.Student.Budget?.MaximumLatencyP95 / deviceFactor,
    });

    private static HardwareProfile[] ProfilesOf(QuantizationSpec spec) => [.. spec.Profiles.Select(name => spec.Find(name)
        ?? throw new BuildException($"Profile '{name}' is not known; it is one of {BuiltInProfiles.Names}."))];

    private static NetworkReport Describe(
        string description, long parameters, IReadOnlyList<string> files, Scores scores, IReadOnlyList<EpochReport> epochs)
        => new()
        {
            Description = description,
            Parameters = parameters,
            Bytes = files.Sum(path => new FileInfo(path).Length),
            Scores = scores,
            Epochs = epochs,
        };
}
