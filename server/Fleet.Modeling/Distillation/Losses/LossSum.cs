using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Training;
using static TorchSharp.torch;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>
/// What a student is trained to make small: a weighted sum of losses against the teacher and of its distance from the labels.
/// </summary>
internal sealed class LossSum : IDisposable
{
    private readonly List<(IDistillationLoss Loss, double Weight, IReadOnlyList<FeaturePairSpec> Pairs)> _losses = [];
    private readonly double _labelWeight;
    private readonly LabelLoss _labelLoss;
    private readonly string _answer;

    /// <param name="spec">The losses and their weights.</param>
    /// <param name="student">What the student can show.</param>
    /// <param name="teacher">What the teacher shows: every name of <see cref="TeacherFeatures"/>.</param>
    /// <param name="columns">Numbers that both answer a sample with.</param>
    /// <param name="labels">Labels of all training samples.</param>
    /// <param name="seed">Seed of what the losses learn and draw.</param>
    /// <param name="device">Where they compute.</param>
    /// <exception cref="BuildException">A feature is not known, or two cannot be compared.</exception>
    public LossSum(DistillationSpec spec, IEnumerable<Feature> student, IEnumerable<Feature> teacher, int columns,
        SampleLabels labels, int seed, Device device)
    {
        var task = TaskOf(labels);
        (_labelWeight, _labelLoss, _answer) = (spec.LabelWeight(), LabelLoss.Of(labels, spec.Training), AnswerOf(task));
        var answer = new Feature(_answer, [columns]);
        Dictionary<string, Feature> ByName(IEnumerable<Feature> features) => features.Append(answer).ToDictionary(feature => feature.Name);
        var (students, teachers) = (ByName(student), ByName(teacher));
        lock (Network.Chance)
        {
            random.manual_seed(seed);
            foreach (var loss in spec.AllLosses(task).Where(loss => loss.Weight > 0)) _losses.Add((Made(loss), loss.Weight, loss.Pairs));
        }
        StudentFeatures = Inside(_losses.SelectMany(loss => loss.Pairs).Select(pair => pair.Student), _answer);

        IDistillationLoss Made(LossSpec loss)
        {
            try
            {
                var pairs = loss.Pairs.Select(pair => (Known(students, pair.Student, loss.Loss), teachers[pair.Teacher])).ToList();
                return DistillationLosses.ByName[loss.Loss](new LossSetup(loss, pairs, labels, seed) { Device = device });
            }
            catch
            {
                Dispose();
                throw;
            }
        }
    }

    /// <summary>What must be tapped from the student.</summary>
    public IReadOnlyList<string> StudentFeatures { get; }

    /// <summary>What the losses of a spec need from the teacher beside its answers.</summary>
    public static IReadOnlyList<string> TeacherFeatures(DistillationSpec spec, SampleLabels labels)
    {
        var task = TaskOf(labels);
        return Inside(spec.AllLosses(task).Where(loss => loss.Weight > 0).SelectMany(loss => loss.Pairs).Select(pair => pair.Teacher),
            AnswerOf(task));
    }

    /// <summary>What is trained with the student and goes with the phase.</summary>
    public IEnumerable<TorchSharp.Modules.Parameter> Parameters => _losses.SelectMany(loss => loss.Loss.Parameters);

    /// <summary>Everything that is carried from step to step, for checkpoints.</summary>
    public IEnumerable<Tensor> State => _losses.SelectMany(loss => loss.Loss.State);

    /// <summary>The sum for one batch.</summary>
    /// <param name="outputs">The student's answers.</param>
    /// <param name="tap">What was tapped from it: every name of <see cref="StudentFeatures"/>.</param>
    /// <param name="teacher">What the teacher answered.</param>
    /// <param name="labels">Labels of the batch.</param>
    /// <param name="samples">Which training samples these are.</param>
    /// <param name="step">Number of the step.</param>
    public Tensor Of(Tensor outputs, FeatureTap tap, TeacherAnswers teacher, BatchLabels labels, IReadOnlyList<int> samples, long step)
    {
        Tensor OfStudent(string name) => name == _answer ? outputs : tap[name];
        Tensor OfTeacher(string name) => name == _answer ? teacher.Outputs : teacher.Features[name];
        Tensor? sum = null;
        void Add(Tensor loss, double weight) => sum = sum is null ? loss * weight : sum + loss * weight;
        foreach (var (loss, weight, pairs) in _losses)
        {
            Add(loss.Of(new LossInputs(outputs, teacher.Outputs, labels.Own)
            {
                Pairs = [.. pairs.Select(pair => (OfStudent(pair.Student), OfTeacher(pair.Teacher)))],
                Samples = samples,
                Step = step,
            }), weight);
        }
        if (_labelWeight > 0) Add(_labelLoss.Of(outputs, labels), _labelWeight);
        return sum ?? throw new InvalidOperationException("There is no loss with a weight.");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (loss, _, _) in _losses) loss.Dispose();
    }

    private static Feature Known(Dictionary<string, Feature> features, string name, string loss)
        => features.TryGetValue(name, out var feature)
            ? feature
            : throw new BuildException(
                $"distillation.losses: loss '{loss}' names the student's '{name}', which it does not have; it has "
                    + $"{string.Join(", ", features.Values.Select(known => $"{known.Name} ({string.Join(" x ", known.Shape)})"))}.");

    private static ModelTask TaskOf(SampleLabels labels) => labels switch
    {
        LabelSets => ModelTask.MultiLabel,
        ValueLabels => ModelTask.Regression,
        BoxLabels => ModelTask.Detection,
        _ => ModelTask.Classification,
    };

    // The name under which a pair takes the answers themselves: that of the output in an exported file.
    private static string AnswerOf(ModelTask task) => task switch
    {
        ModelTask.Regression => "values",
        ModelTask.Detection => DetectionGrid.Boxes,
        _ => "logits",
    };

    private static List<string> Inside(IEnumerable<string> names, string answer) => [.. names.Where(name => name != answer).Distinct()];
}
