using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Modeling.Data;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Writing;

namespace Fleet.Modeling.QuantizationAware;

/// <summary>
/// Trains a student for every profile of a build: once for all processors, whose integers stand for the same values, and once for TensorRT.
/// </summary>
internal static class TrainedVariants
{
    /// <summary>Refuses a teacher that QKD could not train, before anything is trained towards it.</summary>
    /// <exception cref="BuildException">The message names the operator.</exception>
    public static void CheckTeacher(string path, string workFolder)
    {
        try
        {
            using var teacher = new TrainableGraph(PreparedModel.From(path, workFolder));
        }
        catch (Exception e) when (e is BuildException or InvalidDataException)
        {
            throw new BuildException(
                $"quantizationAware.method 'qkd' trains the teacher as well, and {Path.GetFileName(path)} cannot be: {e.Message} Use "
                    + "'qat-distillation', which leaves it as it is.", e);
        }
    }

    /// <summary>What a spec asks for; nothing when it does not.</summary>
    /// <param name="spec">The spec.</param>
    /// <param name="student">The distilled student's file.</param>
    /// <param name="teacher">The teacher; null for a method that asks none.</param>
    /// <param name="data">Samples.</param>
    /// <param name="profiles">Profiles.</param>
    /// <param name="workFolder">For scratch files.</param>
    /// <param name="memory">What is kept in case the process ends.</param>
    /// <param name="sink">Told what is done, with the share of this work from 0 to 1.</param>
    /// <param name="cancellationToken">Honoured at every training step.</param>
    /// <returns>The trained network of each profile, and one point for each epoch.</returns>
    /// <exception cref="BuildException">The student or, for QKD, the teacher cannot be trained here; the message names the
    /// operator.</exception>
    public static (IReadOnlyList<(string Profile, IQuantizationScheme Scheme)> Variants, IReadOnlyList<EpochReport> Epochs) Make(
        BuildSpec spec, string student, ITeacherModel? teacher, DataSet data, IReadOnlyList<HardwareProfile> profiles, string workFolder,
        BuildMemory memory, IProgress<BuildProgress> sink, CancellationToken cancellationToken)
    {
        if (spec.QuantizationAware is not { } asked) return ([], []);
        // Networks learn from features: what makes them is put before the trained one. A seed of its own, next to the student's: the grid
        // is trained in another order than the student was.
        var course = new GridCourse(FrontEndMark.Without(PreparedModel.From(student, workFolder)), data, teacher, asked, spec.Distillation,
            spec.Quantization.CalibrationSamples, unchecked(spec.Seed + 3));
        var variants = new List<(string, IQuantizationScheme)>();
        var epochs = new List<EpochReport>();
        var groups = profiles.GroupBy(profile => profile.Numeric.SymmetricActivations).ToArray();
        foreach (var (index, group) in groups.Index())
        {
            var names = string.Join(", ", group.Select(profile => profile.Name));
            var progress = new Progress(
                sink, $"Training on the grid of {names}", (double)index / groups.Length, (index + 1.0) / groups.Length);
            // TensorRT's files keep their tables in float.
            var own = course with
            {
                Student = group.Key ? course.Student : EmbeddingTables.Rounded(course.Student),
                Checkpoint = memory.Training($"grid-{index + 1}"),
            };
            var (trained, points) = QuantizationAwareTraining.Train(
                own, IntegerForm.For(group.First().Numeric), workFolder, progress, cancellationToken);
            epochs.AddRange(points.Select(point => groups.Length == 1 ? point : point with { Phase = $"{point.Phase} ({names})" }));
            variants.AddRange(group.Select(profile => (profile.Name, (IQuantizationScheme)trained.In(IntegerForm.For(profile.Numeric)))));
        }
        return (variants, epochs);
    }
}
