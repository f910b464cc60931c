using Fleet.Contracts.Builds;
using Fleet.Quantization.Inspection;
using Fleet.Quantization.Report;

namespace Fleet.Quantization;

/// <summary>Looks into a variant: what each layer's rounding costs, alone and with all before it, beside the float model.</summary>
public static class VariantInspector
{
    /// <summary>Inspects the variant of a request. It works on the calling thread.</summary>
    /// <param name="request">The variant, its float model and the samples.</param>
    /// <param name="progress">Told each step, on the calling thread.</param>
    /// <param name="cancellationToken">Stops between runs of a model.</param>
    /// <exception cref="InvalidDataException">A model or the samples cannot be used, or the two models have nothing in common.</exception>
    public static InspectionReport Run(InspectionRequest request, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(progress);
        return VariantInspection.Run(request, progress, cancellationToken);
    }

    /// <summary>Writes a report as one page that needs no network.</summary>
    public static void WritePage(this InspectionReport report, string path) => File.WriteAllText(path, InspectionPage.Render(report));
}
