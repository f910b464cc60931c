using Fleet.Contracts.Builds;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Training;
using Fleet.Quantization;

namespace Fleet.Modeling.Search;

/// <summary>
/// Who teaches the trials of a search: a file that was given, or for each part that is held out a network that was trained without it, one
/// alone where a build would take the mean of several.
/// </summary>
/// <param name="spec">The spec that was found, with its teacher.</param>
/// <param name="view">The samples in the shape that teacher and student take.</param>
/// <param name="memory">Keeps each that is finished, in a part of it that is removed with the build's.</param>
internal sealed class PartTeachers(BuildSpec spec, FamilyData.View view, BuildMemory memory) : IDisposable
{
    /// <summary>A student must not begin as its teacher did.</summary>
    private const int SeedsApart = 50_000;

    /// <summary>The part of a build's memory that they are kept in.</summary>
    public const string MemoryName = "search-teachers";

    private const string AnswersFolder = "answers";

    private readonly Dictionary<int, ITeacherModel> _open = [];

    /// <summary>Where answers are kept.</summary>
    public string Folder { get; } = Path.Combine(memory.Folder, AnswersFolder);

    /// <summary>The same, by the memory of the build.</summary>
    public static string AnswersIn(BuildMemory build) => Path.Combine(build.Folder, MemoryName, AnswersFolder);

    /// <summary>The teacher of a part; trained now where it is the first time that it is asked for.</summary>
    /// <param name="number">Number of the part, from 0.</param>
    /// <param name="training">What it learns from.</param>
    /// <param name="share">Share of its course, above 0 to 1.</param>
    /// <param name="cancellationToken">Honoured at every step.</param>
    public ITeacherModel Of(int number, Data.SampleSet training, double share, CancellationToken cancellationToken)
    {
        var teacher = spec.Teacher!;
        // Whoever is given knows all parts.
        if (teacher.TrainedFamily is null) number = 0;
        if (_open.TryGetValue(number, out var known)) return known;
        if (teacher.TrainedFamily is null) return _open[number] = Teacher.Open(teacher, view.Data, view.Data.Columns);
        var name = $"teacher-{number + 1}";
        var part = view.Data with { Training = training, Validation = training.Take(0), Test = training };
        var path = Path.Combine(memory.Folder, name + ".onnx");
        if (memory.Finished<IReadOnlyList<EpochReport>>(name) is null || !File.Exists(path))
        {
            var (epochs, batch) = Course.Of(teacher.Training, training.Count);
            var course = teacher.Training with
            {
                Epochs = Math.Max(1, (int)Math.Round(share * epochs)),
                BatchSize = batch,
                StopAfter = null,
            };
            var reached = Teacher.Train(teacher with { Training = course }, part, view.Normalization, path,
                new TrainingPhase(name, course, unchecked(spec.Seed + SeedsApart + number), Checkpoint: memory.Training(name)),
                Progress.Unheard, cancellationToken);
            memory.Finish(name, reached);
        }
        return _open[number] = Teacher.OpenTrained(path, part);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var one in _open.Values) one.Dispose();
    }
}
