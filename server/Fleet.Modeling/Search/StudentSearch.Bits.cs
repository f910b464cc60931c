using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.Modeling.QuantizationAware;
using Fleet.Modeling.Students;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Google.Protobuf;

namespace Fleet.Modeling.Search;

/// <summary>The part that tries a wider student whose weights have 4 bits where one whose weights have 8 would be too large.</summary>
internal sealed partial class StudentSearch
{
    private const int FewBits = 4, ManyBits = 8;

    /// <summary>Of the epochs of a student, as many as its grid is trained for; and what one costs beside one in float.</summary>
    private const double GridShare = 0.25, GridCost = 1.5;

    /// <summary>True where bytes are limited, the spec leaves open how they are used, and all profiles pack 4 bits.</summary>
    private bool AreBitsOpen => spec is { Student.Budget.MaximumBytes: not null, QuantizationAware: null }
        && spec.Quantization.Schemes is null or [QuantizationSpec.Auto] && data.Training.Labels is ClassLabels or ValueLabels
        && profiles.All(profile => !profile.Numeric.SymmetricActivations);

    /// <summary>The student with fewer bits and more width where held-out samples tell it better beyond chance, or as it is.</summary>
    private (Candidate Chosen, BuildSpec Found) WithBits(
        Candidate chosen, BuildSpec found, PartTeachers teachers, Progress progress, CancellationToken cancellationToken)
    {
        var student = chosen.Student;
        // What has no trainable form on a grid; and where a narrower student won, more width is not what is wanting.
        if (!AreBitsOpen || student.Family is "linear" or "gru" or "text-cnn"
            || _entered.Values.Any(other => other.Name != chosen.Name && other.Student.Family == student.Family
                && other.Student.Depth == student.Depth && other.Student.Width.Value > student.Width.Value))
            return (chosen, found);
        var view = _data.Of(student.Family);
        try
        {
            if (Wider(chosen, view, progress, cancellationToken) is not { } wider) return (chosen, found);
            var course = Course.Of(chosen.Training, view.Parts.TrainingSamples);
            var full = course.Epochs * course.StepsOfEpoch(view.Parts.TrainingSamples);
            var times = (double)wider.Cost.MultiplyAdds / Math.Max(1, chosen.Cost.MultiplyAdds);
            var perStep = view.Parts.Trainings * SecondsPerStep(chosen, course.BatchSize) * (1 + times * (1 + GridShare * GridCost));
            var halved = 0;
            while (halved <= Halvings && perStep * (full >> halved) > _seconds - _spent) halved++;
            if (halved > Halvings)
            {
                _notes.Add($"{wider.Name} in {FewBits} bits was not tried: student.minutes leaves no time for it.");
                return (chosen, found);
            }
            Candidate[] field = [chosen with { WeightBits = ManyBits }, wider];
            var judged = field.Select((candidate, place) =>
            {
                Enter(candidate);
                void Tell(double share, string reached) => progress.Report((place + share) / field.Length,
                    $"{_trials[candidate.Key].Name} in {candidate.WeightBits} bits{reached}");
                return (Candidate: candidate, Result: Tried(candidate, _rounds + 1, full >> halved, 1, teachers, Tell, cancellationToken));
            }).ToArray();
            // A build refuses a variant that loses more than that of its float student.
            if (SearchRules.Surest(judged, view.Parts.Judged.Origins) != wider
                || judged[1].Result.Lost > spec.Quantization.MaximumDrop)
                return (chosen, found);
            return (wider, found with
            {
                Student = wider.Student with { Budget = spec.Student!.Budget },
                QuantizationAware = Grid(chosen.Training, view.Data.Training.Count) with
                {
                    Method = found.Teacher!.IsNone || view.Data.Task != ModelTask.Classification ? "qat" : "qat-distillation",
                },
            });
        }
        catch (Exception e) when (e is BuildException or InvalidDataException)
        {
            _notes.Add($"{student.Family} in {FewBits} bits was left out: {e.Message}");
            return (chosen, found);
        }
    }

    /// <summary>The widest that 4 bits make room for; null where that is no wider. Kept once found, as the space is.</summary>
    private Candidate? Wider(Candidate chosen, FamilyData.View view, Progress progress, CancellationToken cancellationToken)
    {
        if (memory.Finished<WidthTrial>("search-bits") is not { } widest)
        {
            progress.Report(0, $"measuring {chosen.Student.Family} in {FewBits} bits");
            var asked = chosen.Student with { Budget = BudgetHere(_device?.FactorOf(chosen) ?? 1) };
            widest = WidthSearch.Find(asked, _profile, view.Data, view.Normalization, folder, _ => { }, cancellationToken,
                    path => GridCourse.Untrained(path, view.Data, IntegerForm.For(_profile.Numeric), FewBits, folder, cancellationToken))
                .Where(trial => trial.Fits).MaxBy(trial => trial.Width)!;
            memory.Finish("search-bits", widest);
        }
        if (widest.Width <= chosen.Student.Width.Value) return null;
        var student = chosen.Student with { Width = widest.Width };
        var plan = SearchSpace.Plan(student, view.Data);
        return chosen with
        {
            Student = student,
            WeightBits = FewBits,
            Cost = new CandidateCost(widest.Parameters, plan.MultiplyAdds(), plan.Layers.Count, widest.Bytes, widest.LatencyP95),
        };
    }

    private static QuantizationAwareSpec Grid(TrainingSpec training, int samples) => new()
    {
        WeightBits = FewBits,
        Method = "qat",
        Epochs = Math.Max(1, (int)Math.Round(GridShare * Course.Of(training, samples).Epochs)),
    };

    /// <summary>What a network answers as a file: quantized after training in 8 bits, trained on its grid in fewer.</summary>
    private float[] Written(
        Candidate candidate, int bits, Network network, SampleSet training, SampleSet heldOut, CancellationToken cancellationToken)
    {
        var path = Path.Combine(folder, "written.onnx");
        var (view, form) = (_data.Of(candidate.Student.Family), IntegerForm.For(_profile.Numeric));
        try
        {
            OnnxFile.Save(StudentExport.Model(network.Plan, network.Normalization, network.Folded()), path);
            var model = bits == ManyBits
                ? WidthSearch.Quantized(path, _profile, training.Take(spec.Quantization.CalibrationSamples), folder, cancellationToken)
                : QuantizationAwareTraining.Train(
                    new GridCourse(GridCourse.StudentOf(path, form, folder),
                        view.Data with { Training = training, Validation = training.Take(0), Test = training }, null,
                        Grid(candidate.Training, training.Count), new DistillationSpec { Training = candidate.Training },
                        spec.Quantization.CalibrationSamples, spec.Seed),
                    form, folder, Progress.Unheard, cancellationToken).Scheme.Model();
            using var session = OnnxRuntimeSession.Open(
                model.ToByteArray(), candidate.Name, _profile.Runtime.On(ThisMachine.Facts.IsaFlags));
            return ModelOutputs.Of(session, heldOut.Feeds(session.InputNames[0]), cancellationToken).Values;
        }
        finally
        {
            File.Delete(path);
        }
    }
}
