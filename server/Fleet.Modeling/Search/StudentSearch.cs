using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Training;
using Fleet.Quantization;

namespace Fleet.Modeling.Search;

/// <summary>
/// Finds the student of family <c>auto</c>: everything that fits the budget is trained a little on the labels, the better half twice as
/// long, and so on, judged on samples held out of the training ones. What was finished is kept: a search whose process was killed goes on.
/// </summary>
/// <param name="spec">What was asked.</param>
/// <param name="data">The samples in the shape that they come in; those that test are not looked at.</param>
/// <param name="profiles">The first that this machine matches, or the first, says in which form students are measured.</param>
/// <param name="folder">For scratch files.</param>
/// <param name="memory">Keeps what is finished.</param>
/// <param name="timer">Has the device that the spec names time students; null where it cannot be asked.</param>
internal sealed partial class StudentSearch(BuildSpec spec, DataSet data, HardwareProfile[] profiles, string folder, BuildMemory memory,
    DeviceTimer? timer = null)
{
    /// <summary>Minutes of processor time where the spec does not say.</summary>
    public const double UsualMinutes = 10;

    /// <summary>How often few samples are cut anew for the last rung.</summary>
    private const int FinalRepetitions = 3;

    /// <summary>By how much other learning rates are larger and smaller, where the spec has the usual one.</summary>
    private const double RateFactor = 2.5;

    /// <summary>A field no larger than this is worth other learning rates.</summary>
    private const int FewForRates = 4;

    /// <summary>
    /// What a step takes before anything was measured: so much for each layer, and so much for each multiplication forward and twice back.
    /// On one core of a server a layer is about 0.3 ms and 5 billion multiplications a second.
    /// </summary>
    private const double SecondsOfLayer = 0.3e-3, SecondsOfMultiplyAdd = 3 / 5e9;

    private readonly TrainingSpec _training = spec.Distillation.Training;
    private readonly FamilyData _data = new(spec.Data!, data, spec.Seed);
    private readonly Dictionary<string, SearchTrial> _trials = [];
    private readonly Dictionary<string, Candidate> _entered = [];
    private readonly Dictionary<string, CandidateResult> _results = [];
    private readonly List<string> _notes = [];
    private double _seconds, _spent;
    private int _rounds, _behind;

    /// <summary>Searches.</summary>
    /// <param name="sink">Told what is tried and what it reached.</param>
    /// <param name="cancellationToken">Honoured at every training step and between runs of a model.</param>
    /// <exception cref="BuildException">Nothing fits the budget.</exception>
    public SearchReport Run(IProgress<BuildProgress> sink, CancellationToken cancellationToken)
    {
        _seconds = spec.Student!.Minutes is { } minutes ? FinalCourse.SearchSeconds(60 * minutes) : UsualMinutes * 60;
        var beginning = new Progress(sink, "Searching the student", 0, 0.05);
        Probe(beginning, cancellationToken);
        var space = Space(beginning, cancellationToken);
        var fields = SearchSchedule.Fields(space.Length);
        // The first round finds what is done to samples, the others halve the field; behind them are what the student learns from, and
        // the bits of its weights.
        (_rounds, _behind) = (fields.Count + 1, (AreLossesOpen ? 1 : 0) + (AreBitsOpen ? 1 : 0));
        double Until(int round) => 0.05 + 0.95 * round / (_rounds + _behind);
        Progress Of(int round) => new(sink, "Searching the student", Until(round), Until(round + 1));
        var ranked = WithAugmentations(space, Of(0), cancellationToken);
        IReadOnlyList<(Candidate Candidate, CandidateResult Result)> judged = [];
        for (var round = 1; round < _rounds; round++)
        {
            var field = round + 1 < _rounds
                ? [.. SearchRules.ByFamily(ranked).Take(fields[round - 1])]
                : WithOperation(Finalists(ranked, fields[round - 1], Of(round), cancellationToken));
            judged = Round(WithRates(field, round), round, Of(round), cancellationToken);
            ranked = [.. SearchRules.Ranked(judged).Select(one => one.Candidate)];
        }
        var chosen = SearchRules.Choose(judged);
        var found = Found(chosen);
        using (var teachers = new PartTeachers(found, _data.Of(chosen.Student.Family), memory.Part(PartTeachers.MemoryName)))
        {
            (chosen, found) = WithLesson(chosen, found, teachers, Of(_rounds), cancellationToken);
            (chosen, found) = WithBits(chosen, found, teachers, Of(_rounds + _behind - 1), cancellationToken);
        }
        _trials[chosen.Key] = _trials[chosen.Key] with { Chosen = true };
        if (_device is not null) _notes.Add(_device.Note());
        return new SearchReport
        {
            Found = Within(found, cancellationToken),
            HeldOut = _data.Of(chosen.Student.Family).Parts.Description,
            Minutes = spec.Student.Minutes ?? UsualMinutes,
            ProcessorSeconds = _spent,
            DeviceFactor = _device is { HasAnswered: true } device ? device.FactorOf(chosen) : null,
            Notes = _notes,
            Trials = [
                .. _trials.Select(one => Told(one.Key, one.Value)).OrderByDescending(trial => trial.Chosen)
                    .ThenByDescending(trial => trial.Rungs is [.., var last] ? (long)last.Steps * last.Trainings : 0)
                    .ThenBy(trial => trial.Rungs is [.., var last] ? last.Loss : double.PositiveInfinity),
            ],
        };
    }

    // What no width changes: the larger part of a small student of sound with a high rate.
    private string OfFeatures() => data.FrontEnd is { Constants: var constants }
        ? FormattableString.Invariant($"About {constants.Sum(tensor => tensor.CalculateSize()):N0} bytes of each file make the features ")
            + "of data.features: fewer mels, a shorter windowMilliseconds or recordings of a lower rate take less. "
        : "";

    // Kept once found: a latency measured again could lead elsewhere.
    private Candidate[] Space(Progress progress, CancellationToken cancellationToken)
    {
        if (memory.Finished<Kept>("search-space") is { } known)
        {
            _notes.AddRange(known.Notes);
            return known.Candidates;
        }
        var found = new List<Candidate>();
        foreach (var family in SearchSpace.FamiliesFor(data, onGrid: spec.QuantizationAware is not null))
        {
            foreach (var depth in SearchSpace.DepthsOf(family))
            {
                progress.Report(0, $"measuring {family} {depth}");
                try
                {
                    var view = _data.Of(family);
                    var student = new StudentSpec { Family = family, Depth = depth, Budget = BudgetHere(_device?.Factor ?? 1) };
                    found.AddRange(SearchSpace.Of(student, _training, _profile, view.Data, view.Normalization, folder, cancellationToken));
                }
                catch (BuildException e)
                {
                    _notes.Add($"{family}{(depth is { } of ? $" of depth {of}" : "")} was left out: {e.Message}");
                }
            }
        }
        if (found.Count == 0) throw new BuildException($"No family meets student.budget. {OfFeatures()}{string.Join(" ", _notes)}");
        Candidate[] space = [.. found.OrderBy(candidate => candidate.Cost.MultiplyAdds)];
        memory.Finish("search-space", new Kept(space, [.. _notes]));
        return space;
    }

    // What is done to samples matters more than how wide a network is: a rotation in time takes conv1d on GunPoint from 0.91 to 0.99. Each
    // family's middle student is tried with each, and the whole family goes on with the best.
    private IReadOnlyList<Candidate> WithAugmentations(
        IReadOnlyList<Candidate> space, Progress progress, CancellationToken cancellationToken)
    {
        var families = space.GroupBy(candidate => candidate.Student.Family)
            .Select(family => (Members: family.ToArray(), Ways: WaysOf(family.Key))).ToArray();
        Candidate[] tried = [
            .. families.Where(family => family.Ways.Length > 1).SelectMany(family => family.Ways.Select(
                way => family.Members[family.Members.Length / 2] with { Training = way.Spec, Augmentation = way.Name })),
        ];
        var judged = tried.Length > 0 ? Round(tried, 0, progress, cancellationToken) : [];
        // Where time is short the last ones are left out: of each family the largest that fits is tried before any smaller one.
        return [
            .. SearchRules.ByFamily(families.OrderBy(family => family.Members[^1].Cost.MultiplyAdds).SelectMany(family =>
            {
                var best = SearchRules.Ranked(judged.Where(one => one.Candidate.Student.Family == family.Members[0].Student.Family))
                    .Select(one => one.Candidate).FirstOrDefault();
                var (name, training) = best is null ? family.Ways[0] : (best.Augmentation, best.Training);
                return family.Members.Reverse().Select(member => member with { Training = training, Augmentation = name });
            })),
        ];
    }

    private (string Name, TrainingSpec Spec)[] WaysOf(string family)
        => AugmentationTrials.Candidates(_training, _data.Of(family).Data.Training);

    private IReadOnlyList<(Candidate Candidate, CandidateResult Result)> Round(
        Candidate[] field, int round, Progress progress, CancellationToken cancellationToken)
    {
        foreach (var candidate in field) Enter(candidate);
        var parts = _data.Of(field[0].Student.Family).Parts;
        var repetitions = round + 1 == _rounds && parts.CanRepeat ? FinalRepetitions : 1;
        var course = Course.Of(_training, parts.TrainingSamples);
        var full = course.Epochs * course.StepsOfEpoch(parts.TrainingSamples);
        var seconds = (_seconds - _spent) / (_rounds + _behind - round);
        // What varied samples teach shows late.
        var asked = SearchSchedule.Steps(round == 0 ? _rounds - 3 : round - 1, _rounds - 1, full);
        double[] costs = [.. field.Select(candidate => SecondsPerStep(candidate, course.BatchSize) * parts.Trainings * repetitions)];
        var (steps, count) = SearchSchedule.Within(costs, asked, seconds);
        if (count < field.Length)
        {
            var left = field.Skip(count).Select(candidate => _trials[candidate.Key].Name).Distinct();
            _notes.Add(round == 0
                ? $"Not every variation of samples was tried with {string.Join(", ", left)}: student.minutes leaves no time for it."
                : $"{string.Join(", ", left)} went no further than round {round}: student.minutes leaves no time for more.");
        }
        var judged = new List<(Candidate, CandidateResult)>();
        foreach (var (place, candidate) in field.Take(count).Index())
        {
            void Tell(double share, string reached) => progress.Report((place + share) / count,
                $"round {round + 1} of {_rounds}, {_trials[candidate.Key].Name}, {place + 1} of {count}{reached}");
            judged.Add((candidate, Tried(candidate, round, steps, repetitions, null, Tell, cancellationToken)));
        }
        return [.. judged];
    }

    // What was trained for as many steps in an earlier round is known.
    private CandidateResult Tried(Candidate candidate, int round, int steps, int repetitions, PartTeachers? teachers,
        Action<double, string> tell, CancellationToken cancellationToken)
    {
        var name = $"search-{steps}x{repetitions}-{candidate.Key}";
        if ((_results.GetValueOrDefault(name) ?? memory.Finished<CandidateResult>(name)) is not { } result)
        {
            var view = _data.Of(candidate.Student.Family);
            tell(0, "");
            var trial = new CandidateTrial(view.Parts, view.Normalization, SearchSpace.Plan(candidate.Student, view.Data),
                candidate.Training, spec.Seed)
            {
                Taught = candidate.Lesson is { } lesson ? (teachers!, lesson.Spec) : null,
                Written = candidate.WeightBits is { } bits
                    ? (network, training, heldOut) => Written(candidate, bits, network, training, heldOut, cancellationToken) : null,
            };
            result = trial.Run(round, steps, repetitions, cancellationToken);
            memory.Finish(name, result);
            tell(1, $", held-out {result.Rung.Figure.Text()}");
        }
        if (!_results.TryAdd(name, result)) return result;
        _spent += result.Rung.ProcessorSeconds;
        _trials[candidate.Key] = _trials[candidate.Key] with { Rungs = [.. _trials[candidate.Key].Rungs, result.Rung] };
        return result;
    }

    // As it was measured; before that, as layers and multiplications say.
    private double SecondsPerStep(Candidate candidate, int batch) => _trials[candidate.Key].Rungs is [.., var last]
        ? last.ProcessorSeconds / last.Trainings / last.Steps
        : candidate.Cost.Layers * SecondsOfLayer + candidate.Cost.MultiplyAdds * batch * SecondsOfMultiplyAdd;

    // A rate that somebody chose is left alone. The best of the field is tried with a larger and a smaller one before the last round.
    private Candidate[] WithRates(Candidate[] field, int round)
    {
        var isNext = round > 1 && field.Length <= FewForRates && round + 1 < _rounds;
        if (!isNext || _training.LearningRate != new TrainingSpec().LearningRate) return field;
        Candidate With(double rate) => field[0] with { Training = field[0].Training with { LearningRate = rate } };
        return [.. field, With(_training.LearningRate * RateFactor), With(_training.LearningRate / RateFactor)];
    }

    // The best picture network of the last round, trained in full, for what an operation brings shows late (decision 0210).
    private Candidate[] WithOperation(Candidate[] field) => [
        .. field, .. AugmentationTrials.Additions((field[0].Augmentation, field[0].Training), _training,
            _data.Of(field[0].Student.Family).Data.Training).Select(
                way => field[0] with { Training = way.Spec, Augmentation = way.Name }),
    ];

    private void Enter(Candidate candidate)
    {
        _entered[candidate.Key] = candidate;
        _trials.TryAdd(candidate.Key, new SearchTrial
        {
            Family = candidate.Student.Family,
            Width = candidate.Student.Width.Value,
            Depth = candidate.Student.Depth,
            LearningRate = candidate.Training.LearningRate,
            Augmentation = AugmentationTrials.IsOpen(_training, _data.Of(candidate.Student.Family).Data.Training)
                ? candidate.Augmentation : null,
            LearnsFrom = candidate.Lesson?.Name,
            WeightBits = candidate.WeightBits,
            Parameters = candidate.Cost.Parameters,
            MultiplyAdds = candidate.Cost.MultiplyAdds,
            Bytes = candidate.Cost.Bytes,
            LatencyP95 = candidate.Cost.LatencyP95,
        });
    }

    /// <summary>The spec that builds what was found without a search.</summary>
    private BuildSpec Found(Candidate chosen)
    {
        // The budget stays as it was asked, a device's time with the device: what is built is held to it, as is whatever is built from this
        // spec later. What it is on this machine only this build knows.
        var student = chosen.Student with { Budget = spec.Student!.Budget };
        TrainingSpec Varied(TrainingSpec asked) => AugmentationTrials.Ways(asked, _data.Of(student.Family).Data.Training)
            .FirstOrDefault(way => way.Name == chosen.Augmentation) is { Spec: { } way } ? way : asked;
        var teacher = spec.Teacher!.Family == StudentSpec.Auto
            ? TeacherOf(student, spec.Teacher, Varied(spec.Teacher.Training)) : spec.Teacher;
        return spec with
        {
            Student = student,
            Teacher = teacher,
            Distillation = spec.Distillation with
            {
                Training = chosen.Training,
                Generations = teacher.IsNone ? null : spec.Distillation.Generations,
            },
        };
    }

    // What is linear knows all that it can from the labels; a network that lost to it has nothing to teach it.
    private TeacherSpec TeacherOf(StudentSpec student, TeacherSpec asked, TrainingSpec training)
    {
        var isLinear = student.Family == "linear";
        if (isLinear && spec.Data!.Unlabelled is null) return asked with { Family = TeacherSpec.None, Members = null, Assistant = null };
        return asked with
        {
            Family = isLinear ? "mlp" : student.Family,
            Width = Math.Clamp(2 * student.Width.Value, TeacherSpec.SmallestFound, WidthSearch.Largest),
            Depth = student.Depth,
            Training = training,
        };
    }

    private sealed record Kept(Candidate[] Candidates, string[] Notes);
}
