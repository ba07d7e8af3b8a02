//! Whether somebody speaks: Silero's model of voices, run by `rten`.
//!
//! A [`VadModel`] is loaded once and serves every call of the process; each call has a [`Detector`] of its own, which
//! hears 20 ms at a time and answers for every 32 ms. `rten` runs a model on threads of its own and nowhere else, so
//! the caller waits for one of them: they are as many as there are processors, and an inference is never divided among
//! several.

mod energy;

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rten::{LoadError, Model, ModelOptions, NodeId, RunError, RunOptions, ThreadPool, TryFromValueError, Value};

use energy::Energy;

/// Samples in a second.
pub const SAMPLE_RATE: usize = 8_000;
/// Samples of a frame: 20 ms.
pub const FRAME_SAMPLES: usize = 160;
/// Milliseconds of a frame.
pub const FRAME_MS: u64 = 20;
/// Samples that are judged together.
pub const CHUNK_SAMPLES: usize = 256;
/// Milliseconds of a chunk.
pub const CHUNK_MS: u64 = 32;

/// 20 ms of a call, linear.
pub type Frame = [i16; FRAME_SAMPLES];

/// The rate as the model wants to be told it.
const MODEL_RATE: i32 = 8_000;
/// Samples of the chunk before that the model wants to see again.
const CONTEXT_SAMPLES: usize = 32;
const STATE_SHAPE: [usize; 3] = [2, 1, 128];
const STATE_LEN: usize = 256;
/// After this many chunks that are as good as silent, below −60 dB of full scale, the model is not asked before it is
/// louder: most of a call is the customer's silence.
const SILENT_CHUNKS: u32 = 8;
const SILENT_POWER: f32 = 32.8 * 32.8;
/// Threads that run the model, at most.
const THREADS_MAX: usize = 64;

static MODEL_FILE: &[u8] = include_bytes!("../../../assets/vad/silero_vad_op18_ifless.onnx");
static BUILT_IN: Mutex<Option<Arc<VadModel>>> = Mutex::new(None);

/// Why voices cannot be told from other sounds by the model.
#[derive(Debug, thiserror::Error)]
pub enum VadError {
    /// The file is no model, or needs what is not built in.
    #[error("the model of voices cannot be loaded")]
    Load(#[source] LoadError),
    /// The model has other inputs or outputs, or failed on a chunk.
    #[error("the model of voices cannot be run")]
    Run(#[source] RunError),
    /// The model answered something else than a probability and a state.
    #[error("the model of voices gave an answer of another shape")]
    Answer(#[source] TryFromValueError),
    /// The model answered a number that is no probability.
    #[error("the model of voices gave {0} for a probability")]
    Probability(f32),
    /// A tensor of ours has another size than its shape.
    #[error("an input of the model of voices has the wrong size")]
    Input,
}

/// Silero's model, ready to run. Shared by all calls and threads.
pub struct VadModel {
    model: Model,
    input: NodeId,
    state: NodeId,
    rate: NodeId,
    output: NodeId,
    next_state: NodeId,
    /// Each of one thread: what is as short as this gains nothing from being divided.
    threads: Vec<RunOptions>,
    next_thread: AtomicUsize,
}

impl std::fmt::Debug for VadModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VadModel").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

impl VadModel {
    /// The model that is built in: loaded by the first who asks, in some milliseconds, and kept.
    ///
    /// # Errors
    /// [`VadError`] where it cannot be loaded; the next who asks tries again.
    pub fn built_in() -> Result<Arc<Self>, VadError> {
        let mut kept = BUILT_IN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = &*kept {
            return Ok(model.clone());
        }
        let model = Arc::new(Self::load(MODEL_FILE)?);
        *kept = Some(model.clone());
        Ok(model)
    }

    fn load(file: &'static [u8]) -> Result<Self, VadError> {
        // What is not named here is not linked in.
        let operators = rten::op_registry!(
            Add, Concat, Conv, Equal, Gather, Gemm, Identity, If, Mul, Pad, Pow, ReduceMean, Relu, Reshape, Sigmoid,
            Slice, Split, Sqrt, Squeeze, Tanh, Unsqueeze
        );
        let model = ModelOptions::with_ops(operators).load_static_slice(file).map_err(VadError::Load)?;
        let node = |name| model.node_id(name).map_err(VadError::Run);
        let (input, state, rate) = (node("input")?, node("state")?, node("sr")?);
        let (output, next_state) = (node("output")?, node("stateN")?);
        let count = std::thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX);
        let thread = || RunOptions::default().with_thread_pool(Some(Arc::new(ThreadPool::with_num_threads(1))));
        let threads = std::iter::repeat_with(thread).take(count).collect();
        Ok(Self { model, input, state, rate, output, next_state, threads, next_thread: AtomicUsize::new(0) })
    }

    /// The ear of one call.
    #[must_use]
    pub fn detector(self: &Arc<Self>) -> Detector {
        let place = self.next_thread.fetch_add(1, Ordering::Relaxed) % self.threads.len();
        let memory = Memory {
            state: Value::from_shape(STATE_SHAPE, vec![0_f32; STATE_LEN]).ok(),
            context: [0; CONTEXT_SAMPLES],
            thread: self.threads[place].clone(),
        };
        Detector { model: Some((self.clone(), memory)), ..Detector::by_energy() }
    }

    /// One inference: the probability that a chunk is speech.
    fn run(&self, memory: &mut Memory, chunk: &[i16; CHUNK_SAMPLES]) -> Result<f32, VadError> {
        let input: Vec<f32> = memory.context.iter().chain(chunk).map(|sample| f32::from(*sample) / 32_768.0).collect();
        memory.follow(chunk);
        let input = Value::from_shape([1, input.len()], input).map_err(|_| VadError::Input)?;
        let state = memory.state.as_ref().ok_or(VadError::Input)?;
        let rate = Value::from(MODEL_RATE);
        let inputs = vec![(self.input, input.into()), (self.state, state.into()), (self.rate, rate.into())];
        let outputs = [self.output, self.next_state];
        let [output, next] = self.model.run_n(inputs, outputs, Some(memory.thread.clone())).map_err(VadError::Run)?;
        let (_, answer) = output.into_shape_vec::<f32, 2>().map_err(VadError::Answer)?;
        let probability = answer.first().copied().unwrap_or(f32::NAN);
        if !(0.0..=1.0).contains(&probability) {
            return Err(VadError::Probability(probability));
        }
        memory.state = Some(next);
        Ok(probability)
    }
}

/// What the model remembers of a call.
#[derive(Debug)]
struct Memory {
    state: Option<Value>,
    context: [i16; CONTEXT_SAMPLES],
    thread: RunOptions,
}

impl Memory {
    /// The chunk is what comes before the next one.
    fn follow(&mut self, chunk: &[i16; CHUNK_SAMPLES]) {
        self.context.copy_from_slice(&chunk[CHUNK_SAMPLES - CONTEXT_SAMPLES..]);
    }
}

/// The ear of one call: hears frames and tells for every chunk how probably it is speech.
#[derive(Debug)]
pub struct Detector {
    /// None where speech is judged by energy alone.
    model: Option<(Arc<VadModel>, Memory)>,
    energy: Energy,
    chunk: [i16; CHUNK_SAMPLES],
    filled: usize,
    power: f32,
    /// Chunks in a row that were as good as silent.
    silent: u32,
    fault: Option<VadError>,
}

impl Detector {
    /// An ear without a model, for where it cannot be loaded: speech is what stands well above the noise of the line.
    #[must_use]
    pub fn by_energy() -> Self {
        let energy = Energy::default();
        Self { model: None, energy, chunk: [0; CHUNK_SAMPLES], filled: 0, power: 0.0, silent: 0, fault: None }
    }

    /// Hears the next 20 ms of a call. Whenever they complete a chunk of 32 ms, tells the probability that it is speech:
    /// the chunks follow each other from the first sample on, and at most one is completed by a frame.
    ///
    /// Where the model fails, the rest of the call is judged by energy alone: 0 or 1. [`Self::fault`] says why.
    pub fn push(&mut self, frame: &Frame) -> Option<f32> {
        let (now, later) = frame.split_at(FRAME_SAMPLES.min(CHUNK_SAMPLES - self.filled));
        self.chunk[self.filled..self.filled + now.len()].copy_from_slice(now);
        self.filled += now.len();
        if self.filled < CHUNK_SAMPLES {
            return None;
        }
        let probability = self.judge();
        self.chunk[..later.len()].copy_from_slice(later);
        self.filled = later.len();
        Some(probability)
    }

    /// The mean power of the last chunk, in squared samples.
    #[must_use]
    pub fn power(&self) -> f32 {
        self.power
    }

    /// Why the model is not asked any more.
    #[must_use]
    pub fn fault(&self) -> Option<&VadError> {
        self.fault.as_ref()
    }

    fn judge(&mut self) -> f32 {
        self.power = self.chunk.iter().map(|sample| f32::from(*sample).powi(2)).sum::<f32>() / CHUNK_SAMPLES as f32;
        // It listens along, so that it knows the noise of the line when it is needed.
        let loud = self.energy.push(self.power);
        self.silent = if self.power < SILENT_POWER { self.silent.saturating_add(1) } else { 0 };
        if let Some((model, memory)) = &mut self.model {
            if self.silent > SILENT_CHUNKS {
                memory.follow(&self.chunk);
                return 0.0;
            }
            match model.run(memory, &self.chunk) {
                Ok(probability) => return probability,
                Err(fault) => {
                    self.fault = Some(fault);
                    self.model = None;
                }
            }
        }
        f32::from(u8::from(loud))
    }
}

#[cfg(test)]
mod tests {
    use hutong_prompts::{Role, find};
    use proptest::prelude::*;

    use super::*;

    fn judged(mut detector: Detector, samples: &[i16]) -> Vec<f32> {
        samples.as_chunks().0.iter().filter_map(|frame| detector.push(frame)).collect()
    }

    fn what_is_it() -> Vec<i16> {
        find("zf_xiaoxiao", Role::Callee, "喂，什么事").unwrap().clip().to_vec()
    }

    #[test]
    fn rten_answers_what_onnx_runtime_does() {
        // From ONNX Runtime, with the same file, on the same samples.
        const EXPECTED: [f32; 31] = [
            0.012, 0.483, 0.917, 0.807, 0.994, 0.999, 0.999, 0.999, 1.000, 1.000, 1.000, 1.000, 1.000, 1.000, 1.000,
            1.000, 1.000, 1.000, 1.000, 1.000, 1.000, 1.000, 1.000, 1.000, 1.000, 1.000, 1.000, 1.000, 1.000, 0.997,
            0.574,
        ];
        let answers = judged(VadModel::built_in().unwrap().detector(), &what_is_it());
        assert_eq!(answers.len(), EXPECTED.len());
        for (at, (answer, expected)) in answers.iter().zip(EXPECTED).enumerate() {
            assert!((answer - expected).abs() < 0.01, "chunk {at}: {answer}, not {expected}");
        }
    }

    #[test]
    fn calls_do_not_hear_each_other() {
        let model = VadModel::built_in().unwrap();
        let alone = judged(model.detector(), &what_is_it());
        let listen = || judged(model.detector(), &what_is_it());
        let together: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(listen)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(together.iter().all(|answers| *answers == alone));
    }

    #[test]
    fn the_model_is_loaded_once_and_a_call_takes_little_memory() {
        let (one, other) = (VadModel::built_in().unwrap(), VadModel::built_in().unwrap());
        assert!(Arc::ptr_eq(&one, &other));
        // The state of the model is on the heap.
        assert!(size_of::<Detector>() + STATE_LEN * size_of::<f32>() < 2_500, "{}", size_of::<Detector>());
    }

    #[test]
    fn a_call_whose_model_fails_goes_on_by_energy() {
        let mut detector = VadModel::built_in().unwrap().detector();
        let voice = what_is_it();
        let quiet = [10; FRAME_SAMPLES];
        let before: Vec<f32> = (0..50).filter_map(|_| detector.push(&quiet)).collect();
        assert!(before.iter().all(|probability| *probability < 0.5) && detector.fault().is_none());
        let (_, memory) = detector.model.as_mut().unwrap();
        memory.state = Value::from_shape([2, 1, 64], vec![0_f32; 128]).ok();
        let answers: Vec<f32> = voice.as_chunks().0.iter().filter_map(|frame| detector.push(frame)).collect();
        assert!(matches!(detector.fault(), Some(VadError::Run(_))), "{:?}", detector.fault());
        assert!(answers.iter().all(|answer| *answer == 0.0 || *answer == 1.0), "{answers:?}");
        assert!(answers.iter().sum::<f32>() > answers.len() as f32 * 0.6, "{answers:?}");
    }

    #[test]
    fn a_file_that_is_no_model_is_an_error() {
        for file in [&b"not a model"[..], &MODEL_FILE[..MODEL_FILE.len() / 2], &[]] {
            assert!(VadModel::load(file).is_err());
        }
    }

    #[test]
    fn after_a_long_silence_a_voice_is_heard_as_it_would_be_at_the_beginning() {
        let model = VadModel::built_in().unwrap();
        let silence = vec![8; 80_000];
        let answers = judged(model.detector(), &[silence, what_is_it()].concat());
        let (before, during) = answers.split_at(313);
        assert!(before.iter().all(|answer| *answer < 0.5));
        assert!(during.iter().filter(|answer| **answer >= 0.5).count() >= 27, "{during:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn anything_that_is_heard_is_answered_with_a_probability(samples in prop::collection::vec(any::<i16>(), 0..4_000)) {
            let model = VadModel::built_in().unwrap();
            for detector in [model.detector(), Detector::by_energy()] {
                let answers = judged(detector, &samples);
                prop_assert_eq!(answers.len(), samples.len() / FRAME_SAMPLES * FRAME_SAMPLES / CHUNK_SAMPLES);
                prop_assert!(answers.iter().all(|answer| (0.0..=1.0).contains(answer)));
            }
        }
    }
}
