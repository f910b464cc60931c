using Fleet.Contracts.Builds;
using Fleet.Quantization.Proof;

namespace Fleet.Quantization;

/// <summary>
/// Runs a variant as other processors would and puts what it computes there next to the native run. It needs the agent's program and, for
/// other processors, an emulator; what is missing is said by name.
/// </summary>
public static class VariantProver
{
    /// <summary>Proves the variant of a request.</summary>
    /// <param name="request">The variant, its samples and the processors.</param>
    /// <param name="progress">Told each step.</param>
    /// <param name="cancellationToken">Ends the processes that run it.</param>
    /// <exception cref="InvalidDataException">Emulation is not set up here, or the variant, the float model or the samples cannot be
    /// used on this machine; the message says which.</exception>
    public static Task<ProofReport> RunAsync(ProofRequest request, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(progress);
        return new VariantProof(Emulation.OfThisMachine()).RunAsync(request, progress, cancellationToken);
    }
}
