using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.DeviceValidation;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Proof;

/// <summary>
/// Runs a variant on processors that this machine is not and puts what it computes there next to the native run. The agent's own
/// validation runs it, with the settings that devices get: the kernels, the settings and what is left out on which processor are
/// those of a device, only the time is not.
/// </summary>
internal sealed class VariantProof(Emulation emulation)
{
    /// <summary>Proves the variant of a request.</summary>
    /// <inheritdoc cref="RunAsync(ProofTask, IProgress{BuildProgress}, CancellationToken)"/>
    public Task<ProofReport> RunAsync(ProofRequest request, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
        => RunAsync(ProofTask.Of(request), progress, cancellationToken);

    /// <summary>Proves a variant.</summary>
    /// <exception cref="InvalidDataException">Emulation is not set up here; the message lists what is missing and the command that provides
    /// it.</exception>
    /// <exception cref="InvalidDataException">The variant, the float model or the samples cannot be used on this machine.</exception>
    public async Task<ProofReport> RunAsync(ProofTask task, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        if (emulation.MissingFor(task.Processors) is { Count: > 0 } missing)
            throw new InvalidDataException(
                $"Other processors cannot be emulated here: {string.Join(" ", missing)} In a checkout {Emulation.Remedy} provides all of "
                    + "it.");
        var folder = Directory.CreateTempSubdirectory("fleet-prove-").FullName;
        try
        {
            using var model = OnnxRuntimeSession.Open(task.ReferencePath ?? task.VariantPath, task.Runtime.On(ThisMachine.Facts.IsaFlags));
            var (set, samples) = FeedArchive.Write(Path.Combine(folder, "samples"), model, task.Samples, task.Labels, task.MaximumSamples);
            var steps = task.Processors.Count + 2.0;

            Task<AgentOutputs> Ask(string name, IReadOnlyList<string> command, string model, RuntimeSettings runtime)
                => AgentRun.RunAsync(command,
                    new ValidationRequest(model, set, runtime, [], OutputsPath: Path.Combine(folder, $"{name}.npz")), cancellationToken);

            progress.Report(new BuildProgress("Running it natively", 0));
            var native = await Ask("native", emulation.NativeCommand(), task.VariantPath, task.Runtime);
            var reference = task.ReferencePath is { } path
                ? await Ask("reference", emulation.NativeCommand(), path, new RuntimeSettings())
                : native;
            if (reference.Values.Length != native.Values.Length)
                throw new InvalidDataException(
                    $"{Path.GetFileName(task.ReferencePath)} gives {reference.Values.Length} numbers for these samples and "
                        + $"{Path.GetFileName(task.VariantPath)} {native.Values.Length}: it is not the model that the variant was made "
                        + "of.");

            ProofFigures FiguresOf(AgentOutputs outputs)
                => new(outputs.Scores.Accuracy, Judgement.SignalToNoise(outputs.Values, reference.Values));
            var here = FiguresOf(native);
            var proofs = new List<ProcessorProof>
            {
                new()
                {
                    Processor = "native",
                    Description = ThisMachine.Description,
                    Accuracy = here.Accuracy,
                    SignalToNoise = here.SignalToNoise,
                    Holds = true,
                },
            };
            foreach (var (index, processor) in task.Processors.Index())
            {
                progress.Report(new BuildProgress($"Running it on {processor.Name}", (index + 2) / steps));
                proofs.Add(await ProveAsync(processor));
            }
            progress.Report(new BuildProgress("Proved", 1));
            return new ProofReport
            {
                Variant = Path.GetFileName(task.VariantPath),
                Reference = Path.GetFileName(task.ReferencePath),
                Validation = task.Source,
                Samples = samples,
                Runtime = task.Runtime,
                Notes = task.Notes,
                MeasuredOn = ThisMachine.Description,
                Processors = proofs,
            };

            async Task<ProcessorProof> ProveAsync(EmulatedProcessor processor)
            {
                try
                {
                    var outputs = await Ask(processor.Name, emulation.CommandOf(processor, Path.Combine(folder, processor.Name)),
                        task.VariantPath, task.Runtime);
                    return outputs.Values.Length == native.Values.Length
                        ? ProofRules.Judge(processor, here, FiguresOf(outputs), samples, task.ReferencePath is not null, task.Runtime)
                        : throw new InvalidDataException(
                            $"It gave {outputs.Values.Length} numbers where the native run gave {native.Values.Length}.");
                }
                catch (InvalidDataException e)
                {
                    // That it does not run there is a finding about that processor; the others are still proved.
                    return new ProcessorProof
                    {
                        Processor = processor.Name,
                        Description = processor.Description,
                        Holds = false,
                        Detail = $"It did not run there: {e.Message}",
                    };
                }
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
